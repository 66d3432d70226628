// Runs that would train on other data than the user expects, or on nothing, are rejected.
#include <iostream>
#include <limits>
#include <sstream>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

Model dense(std::int64_t units, const ActivationFunction& activation = {}) {
  const auto input = Input({2});
  return {input, Dense({.units = units, .activation = activation, .name = "last"})(input), {.seed = 1}};
}

/// The message of the Error that fit throws before training. evaluate throws the same.
std::string refusal(Model model, const Dataset& data, const Loss& its_loss, std::int64_t batch_size = 4) {
  SGD sgd(model.parameters());
  const std::string message =
      error_of([&] { fit(model, sgd, data, {.batch_size = batch_size, .loss = its_loss, .show_progress = false}); });
  CHECK(sgd.iterations() == 0);
  CHECK_FALSE(error_of([&] { evaluate(model, data, {.batch_size = batch_size, .loss = its_loss}); }).empty());
  return message;
}

/// The message of the Error if fit rejects a run.
std::string message_of(Model model, const Dataset& data, const Loss& its_loss,
                       const std::vector<ParameterGroup>& groups = {}) {
  SGD sgd(model.parameters(), {.groups = groups});
  try {
    fit(model, sgd, data, {.loss = its_loss, .show_progress = false});
  } catch (const Error& error) {
    CHECK(sgd.iterations() == 0);
    return error.what();
  }
  return "";
}

Dataset with_targets(const Shape& shape, double value = 0) {
  return {Tensor::zeros({8, 2}), Tensor::full(shape, value)};
}

/// A loss of two arguments as users may write it, without a check of the shapes.
const Loss absolute_error("absolute_error", [](const Variable& outputs, const Tensor& targets) {
  return mean(abs(outputs - Variable(targets)));
});

}  // namespace

TEST_CASE("a softmax over one class is rejected, because its loss is always 0") {
  CHECK(refusal(dense(1), with_targets({8, 1}, 1), loss::softmax_cross_entropy()) ==
        "fit: expected a model of at least 2 outputs for softmax_cross_entropy, got output shape (None, 1), for which "
        "the loss is always 0; use sigmoid_cross_entropy with floating targets (n, 1)");
  CHECK(refusal(dense(1), with_targets({8, 1}, 1), loss::softmax_cross_entropy({.label_smoothing = 0.1})) ==
        "fit: expected a model of at least 2 outputs for softmax_cross_entropy, got output shape (None, 1), for which "
        "the loss is always 0; use sigmoid_cross_entropy with floating targets (n, 1)");
  const Dataset one_class(Tensor::zeros({8, 2}), Tensor::labels(std::vector<std::int64_t>(8, 0)), 1);
  CHECK(refusal(dense(1), one_class, loss::softmax_cross_entropy()) ==
        "fit: expected a model with at least 2 outputs for data with classes, got output shape (None, 1); for one "
        "yes-no answer a sample give floating targets (n, 1) without classes, and sigmoid_cross_entropy as the loss");
  // its accuracy would always be 1
  CHECK(refusal(dense(1), one_class, absolute_error) ==
        "fit: expected a model with at least 2 outputs for data with classes, got output shape (None, 1); for one "
        "yes-no answer a sample give floating targets (n, 1) without classes, and sigmoid_cross_entropy as the loss");
  CHECK(refusal(dense(1, softmax), with_targets({8, 1}), loss::mean_squared_error()) ==
        "fit: expected a softmax over at least 2 numbers, got layer last with output shape (None, 1), which always "
        "gives 1; use a sigmoid");
  CHECK(refusal(dense(1, softmax), with_targets({8, 1}), loss::binary_cross_entropy()) ==
        "fit: expected a softmax over at least 2 numbers, got layer last with output shape (None, 1), which always "
        "gives 1; use a sigmoid");
  for (const Tensor& labels : {Tensor::labels({0, 0}), Tensor::ones({2, 1})}) {
    CHECK(error_of([&] {
            softmax_cross_entropy(Tensor::zeros({2, 1}), labels);
          }) ==
          "softmax_cross_entropy: expected outputs of at least 2 classes, got shape (2, 1), for which the loss is "
          "always 0; for one yes-no answer a sample use sigmoid_cross_entropy");
  }
}

TEST_CASE("layers that only move, select or average values keep the activation before them") {
  const auto image = Input({4, 4, 1});
  const auto colours = Conv2D({.filters = 2, .kernel_size = 4, .activation = softmax, .name = "probabilities"})(image);
  const auto map = Conv2D({.filters = 2, .kernel_size = 1, .activation = softmax, .name = "probabilities"})(image);
  const auto both = Dense({.units = 2, .activation = sigmoid, .name = "probabilities"})(Flatten()(image));
  const auto inner_input = Input({1, 1, 2});
  Model flat(inner_input, Dropout({.rate = 0.1})(Flatten()(inner_input)));
  const Dataset data(RandomStream(1).normal({8, 4, 4, 1}), Tensor::labels({0, 1, 0, 1, 0, 1, 0, 1}), 2);
  for (const SymbolicTensor& output :
       {Flatten()(colours), Reshape({.target_shape = {{2}}})(colours), Activation(linear)(both), flat(colours),
        Dropout({.rate = 0.1})(Flatten()(colours)), GlobalAveragePooling2D()(map), GlobalMaxPooling2D()(map),
        Flatten()(MaxPooling2D({.pool_size = 4})(map)), Flatten()(AveragePooling2D({.pool_size = 4})(map)),
        Concatenate()({Dense({.units = 1, .activation = sigmoid, .name = "probabilities"})(Flatten()(image)),
                       Dense({.units = 1, .activation = sigmoid})(Flatten()(image))}),
        Average()({Dense({.units = 2, .activation = softmax, .name = "probabilities"})(Flatten()(image)),
                   Dense({.units = 2, .activation = softmax})(Flatten()(image))}),
        Flatten()(Resizing({.height = 1, .width = 1})(map))}) {
    Model model(image, output);
    CHECK_THAT(refusal(model, data, loss::softmax_cross_entropy()),
               Contains("gives logits") && Contains("layer probabilities"));
  }
  Model computed(image, Dense({.units = 2})(Flatten()(colours)));
  CHECK(computed.output_activation() == "linear");
  CHECK(Model(image, Flatten()(image)).output_activation().empty());
  Model mixed(image, Concatenate()({both, Dense({.units = 1})(both)}));
  CHECK(mixed.output_activation().empty());
}

TEST_CASE("a softmax over one number is rejected anywhere in a model") {
  const auto input = Input({2});
  const auto one = Dense({.units = 1, .activation = softmax, .name = "one"})(input);
  const auto inner_input = Input({2});
  Model inner(inner_input, Dense({.units = 1, .activation = softmax, .name = "one"})(inner_input));
  const auto column = Reshape({.target_shape = {{1, 2}}})(input);
  for (const SymbolicTensor& hidden : {one, inner(input), Flatten()(Softmax({.axis = 1, .name = "one"})(column))}) {
    Model model(input, Dense({.units = 2})(hidden));
    CHECK_THAT(refusal(model, quadrants(8), loss::softmax_cross_entropy()),
               Contains("layer one") && Contains("always gives 1"));
  }
  Model right(input, Dense({.units = 2})(Flatten()(Softmax({.axis = 2})(column))));
  SGD sgd(right.parameters());
  fit(right, sgd, quadrants(8), {.show_progress = false});
}

TEST_CASE("outputs that are constant for one number, and losses of directions for one, are rejected") {
  const auto input = Input({2});
  const auto one = Dense({.units = 1})(input), two = Dense({.units = 2})(input);
  struct ConstantRow {
    SymbolicTensor output;
    std::string always;  // empty: not constant
  };
  const auto column = Reshape({.target_shape = {2, 1}})(input);
  const ConstantRow rows[] = {
      {Activation(log_softmax, {.name = "c"})(one), "0"},
      {Activation(sparsemax, {.name = "c"})(one), "1"},
      {UnitNormalization({.name = "c"})(one), "1 or -1"},
      {RMSNormalization({.name = "c"})(one), "a constant or its negative"},
      {LayerNormalization({.name = "c"})(one), "a constant"},
      {LayerNormalization({.axis = {2}, .name = "c"})(column), "a constant"},
      {Activation(log_softmax)(two), ""},
      {Activation(sparsemax)(two), ""},
      {UnitNormalization()(two), ""},
      {RMSNormalization()(two), ""},
      {LayerNormalization()(two), ""},
      {LayerNormalization({.axis = {1, 2}})(column), ""},
      {Add()({one, LayerNormalization()(one)}), ""},
  };
  for (const ConstantRow& row : rows) {
    INFO(row.always);
    const PartialShape shape = row.output.shape();
    std::vector<std::int64_t> extents{8};
    for (const Extent extent : shape) extents.push_back(extent.value());
    const std::string message =
        message_of(Model(input, row.output), with_targets(Shape(std::span(extents)), 1), loss::mean_squared_error());
    CHECK(message == (row.always.empty()
                          ? ""
                          : fmt::format("fit: expected outputs that depend on the inputs, got those of layer c with "
                                        "output shape {}, which always gives {}; leave it out or use a sigmoid",
                                        batch_shape_text(shape), row.always)));
  }
  CHECK(refusal(dense(1), with_targets({8, 1}, 1), loss::cosine_similarity()) ==
        "fit: expected a model of at least 2 outputs for cosine_similarity, got output shape (None, 1), for which the "
        "loss "
        "does not depend on their size; use mean_squared_error");
  CHECK(message_of(dense(2), with_targets({8, 2}, 1), loss::cosine_similarity()).empty());
}

TEST_CASE("all targets, also those of the validation, are checked before the first step") {
  struct TargetRow {
    Loss loss;
    std::vector<double> targets;
    std::string message;
  };
  const std::string below = ": expected targets in [0, 1], got 255 at element 3";
  const std::vector<double> large{0, 1, 1, 255};
  for (const auto& [its_loss, targets, message] :
       {TargetRow{loss::sigmoid_cross_entropy(), large, "sigmoid_cross_entropy" + below},
        {loss::sigmoid_focal_cross_entropy(), large, "sigmoid_focal_cross_entropy" + below},
        {loss::summed(loss::sigmoid_cross_entropy()), large, "sigmoid_cross_entropy" + below},
        {loss::binary_cross_entropy(), large, "binary_cross_entropy" + below},
        {loss::dice(), large, "dice" + below},
        {loss::tversky(), large, "tversky" + below},
        {loss::kl_divergence(), large, "kl_divergence" + below},
        {loss::hinge(), {1, 0, 0, 2}, "hinge: expected targets that are -1 or 1, or 0 or 1, got 2"},
        {loss::squared_hinge(),
         {1, 0, 0, -1},
         "squared_hinge: expected targets that are -1 or 1, or 0 or 1, got both -1 and 0"}}) {
    INFO(message);
    const Dataset bad(Tensor::ones({4, 2}), Tensor::of({4, 1}, targets)),
        good(Tensor::ones({4, 2}), Tensor::of({4, 1}, {0.0, 1.0, 1.0, 0.0}));
    const bool probabilities = its_loss.outputs() == LossOutputs::probabilities;
    int steps = 0;
    const auto error = [&, &its_loss = its_loss](const Dataset& train, const Dataset& validation) {
      Model model = probabilities ? dense(1, sigmoid) : dense(1);
      SGD sgd(model.parameters());
      FitOptions options{.batch_size = 1, .validation = validation, .loss = its_loss, .shuffle = false};
      options.show_progress = false;
      options.callbacks = {at_batch_end([&](TrainingState&) { ++steps; })};
      return error_of([&] { fit(model, sgd, train, options); });
    };
    CHECK(error(bad, good) == "fit: " + message);
    CHECK(error(good, bad) == "fit, validation: " + message);
    CHECK(steps == 0);
    Model model = probabilities ? dense(1, sigmoid) : dense(1);
    CHECK(error_of([&, &its_loss = its_loss] { evaluate(model, bad, {.loss = its_loss}); }) == "evaluate: " + message);
  }
  // also for classes, and for a loss that takes anything; numbers are those that the model gets
  for (const LossTargets kind : {LossTargets::like_outputs, LossTargets::classes, LossTargets::anything}) {
    const Loss own("own", [](const Variable& outputs, const Tensor&) { return mean(outputs); },
                   {.targets = kind, .check_targets = [](const Tensor& targets) {
                      check(targets.to_vector()[0] < 1, "no {}", targets.to_vector()[0]);
                    }});
    const bool classes = kind == LossTargets::classes;
    const Dataset data = classes ? Dataset(Tensor::ones({2, 2}), Tensor::labels({1, 0}), 2) : with_targets({8, 2}, 1);
    CHECK(message_of(dense(2), data, own) == "fit: no 1");
  }
  const Dataset rounded(Tensor::ones({2, 2}), f64({2, 1}, {1 + 2e-16, 0}));
  CHECK(message_of(dense(1), rounded, loss::sigmoid_cross_entropy()).empty());
  // an ignored label of the validation that the loss does not ignore
  const Dataset ignored({Tensor::ones({2, 2})},
                        {{.values = Tensor::labels({0, -1}), .classes = 2, .ignored_label = -1}});
  Model model = quadrant_model();
  SGD sgd(model.parameters());
  CHECK_THAT(error_of([&] { fit(model, sgd, quadrants(8), {.validation = ignored, .show_progress = false}); }),
             Catch::StartsWith("fit, validation: expected a loss that ignores the label -1"));
}

TEST_CASE("rows that are not distributions are rejected, as labels and as targets") {
  const auto labels = [](const std::vector<double>& rows) {
    return error_of([&] { Dataset(Tensor::zeros({2, 2}), Tensor::of({2, 2}, rows), 2); });
  };
  CHECK(labels({1, 0, 300, -7}) ==
        "Dataset: expected a distribution a row, with entries of at least 0, got -7 in row 1");
  CHECK(labels({0, 0, 1, 0}) ==
        "Dataset: expected a distribution a row, with the sum 1, got the sum 0 in row 0; divide each row by its sum, "
        "or for several labels at a time use targets without classes and sigmoid_cross_entropy");
  CHECK(labels({1, 0, 1, 1}) ==
        "Dataset: expected a distribution a row, with the sum 1, got the sum 2 in row 1; divide each row by its sum, "
        "or for several labels at a time use targets without classes and sigmoid_cross_entropy");
  CHECK(labels({1, 0, nan_value, 1}) ==
        "Dataset: expected a distribution a row, with entries of at least 0, got nan in row 1");
  CHECK(labels({1, 0, 0.9, 0.05}) ==
        "Dataset: expected a distribution a row, with the sum 1, got the sum 0.95 in row 1; divide each row by its "
        "sum, or for several labels at a time use targets without classes and sigmoid_cross_entropy");
  for (const double sum : {0.9989, 1.0011}) {  // beyond what rounding to three digits gives
    CHECK_THAT(labels({0.5, sum - 0.5, 1, 0}), Catch::Contains(fmt::format("got the sum {} in row 0", sum)));
  }
  for (const double sum : {0.9991, 1.0009}) {
    CHECK(Dataset(Tensor::zeros({2, 2}), Tensor::of({2, 2}, {0.5, sum - 0.5, 1, 0}), 2).classes() == 2);
  }
  for (const Loss& its_loss : {loss::softmax_cross_entropy(), loss::softmax_cross_entropy({.label_smoothing = 0.1})}) {
    CHECK(refusal(dense(2), with_targets({8, 2}, 1), its_loss) ==
          "fit: expected a distribution a row, with the sum 1, got the sum 2 in row 0; divide each row by its sum, or "
          "for several labels at a time use targets without classes and sigmoid_cross_entropy; softmax_cross_entropy, "
          "the default loss, is for classes: name another one for other targets, such as {.loss = "
          "loss::mean_squared_error()}");
    CHECK(refusal(dense(2), with_targets({8, 2}, -1), its_loss) ==
          "fit: expected a distribution a row, with entries of at least 0, got -1 in row 0; softmax_cross_entropy, the "
          "default loss, is for classes: name another one for other targets, such as {.loss = "
          "loss::mean_squared_error()}");
  }
}

TEST_CASE("targets of yes-no losses and outputs for binary_cross_entropy must be in [0, 1]") {
  for (const double target : {-1.0, 2.0, nan_value}) {
    CHECK_THAT(refusal(dense(1), with_targets({8, 1}, target), loss::sigmoid_cross_entropy()),
               Contains("targets in [0, 1]"));
    CHECK_THAT(refusal(dense(1, sigmoid), with_targets({8, 1}, target), loss::binary_cross_entropy()),
               Contains("targets in [0, 1]"));
  }
  Model logits = dense(1);
  logits.parameters()[1].set_value(Tensor::of({1}, {4}));  // the bias
  CHECK(refusal(logits, with_targets({8, 1}, 1), loss::binary_cross_entropy()) ==
        "fit: expected a model that gives probabilities, as binary_cross_entropy takes them, got the output 4; end it "
        "in a sigmoid or softmax, or use the loss of logits, sigmoid_cross_entropy or softmax_cross_entropy");
  CHECK(refusal(dense(2, sigmoid), quadrants(8), loss::softmax_cross_entropy()) ==
        "fit: expected a model that gives logits, as softmax_cross_entropy takes them, got one that ends in layer last "
        "with sigmoid; leave it out");
  CHECK(refusal(dense(2, softmax), with_targets({8, 2}), loss::sigmoid_cross_entropy()) ==
        "fit: expected a model that gives logits, as sigmoid_cross_entropy takes them, got one that ends in layer last "
        "with softmax; leave it out");
}

TEST_CASE("targets that would be broadcast against the outputs of other samples are rejected") {
  CHECK(refusal(dense(1), with_targets({8}), absolute_error) ==
        "fit: expected targets (None, 1) like the outputs of model model, got (8,), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(refusal(dense(1), with_targets({8}), loss::mean_squared_error()) ==
        "fit: expected targets (None, 1) like the outputs of model model, got (8,), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(refusal(dense(1), with_targets({8}), loss::sigmoid_cross_entropy()) ==
        "fit: expected targets (None, 1) like the outputs of model model, got (8,), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(refusal(dense(1), with_targets({8}), absolute_error, 3) ==
        "fit: expected targets (None, 1) like the outputs of model model, got (8,), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(refusal(dense(4), with_targets({8}), absolute_error, 4) ==
        "fit: expected targets (None, 4) like the outputs of model model, got (8,), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  CHECK(
      refusal(dense(3), with_targets({8, 3, 1}), absolute_error, 3) ==
      "fit: expected targets (None, 3) like the outputs of model model, got (8, 3, 1), which would be compared with "
      "the outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  Model model = dense(3);
  SGD sgd(model.parameters());
  CHECK(refusal(model, with_targets({8, 1}), absolute_error) ==
        "fit: expected targets (None, 3) like the outputs of model model, got (8, 1), which would be compared with the "
        "outputs of other samples; reshape them, or let a custom loss say that it takes them (LossOptions::targets)");
  const Loss for_all = custom_loss([](const Variable& y, const Tensor& t) { return mean(abs(y - Variable(t))); });
  // the same target for all three outputs
  fit(model, sgd, with_targets({8, 1}), {.loss = for_all, .show_progress = false});
  CHECK(sgd.iterations() == 1);
}

TEST_CASE("labels and one-hot rows must have as many classes as the model") {
  const Dataset one_hot(Tensor::zeros({2, 2}), Tensor::of({2, 2}, {1, 0, 0, 1}), 2);
  CHECK(refusal(dense(3), one_hot, loss::softmax_cross_entropy()) ==
        "fit: expected a model with 2 outputs for labels that are distributions of 2 classes, got output shape (None, "
        "3)");
  const auto labels = [](const Tensor& given) { return error_of([&] { Dataset(Tensor::zeros({2, 2}), given, 2); }); };
  const auto of_shape = [](const Shape& shape) {
    return Dataset(Tensor::zeros({8, 2}), Tensor::zeros(shape, DType::int64), 2);
  };
  CHECK(refusal(dense(2), of_shape({8, 1}), loss::softmax_cross_entropy()) ==
        "fit: expected labels (None) for outputs (None, 2), got (8, 1); reshape them with .reshaped()");
  CHECK(refusal(dense(2), of_shape({8, 2}), loss::softmax_cross_entropy()) ==
        "fit: expected labels (None) for outputs (None, 2), got (8, 2); convert one-hot rows with .to(DType::float32)");
  CHECK(labels(Tensor::labels({0, 1}).to(DType::uint8)) ==
        "Dataset: expected labels of int64 (n, ...), got uint8 (2,); convert with .to(DType::int64)");
  CHECK(labels(Tensor::zeros({2, 1}, DType::uint8)) ==
        "Dataset: expected labels of int64 (n, ...), got uint8 (2, 1); convert with .reshaped({n}).to(DType::int64)");
  CHECK(labels(Tensor::zeros({2, 1})) ==
        "Dataset: expected labels of int64 (n, ...) or of distributions (n, ..., 2), got float32 (2, 1); convert class "
        "numbers to int64 (n) with .reshaped({n}).to(DType::int64)");
  CHECK(labels(Tensor::zeros({2, 3})) ==
        "Dataset: expected labels of int64 (n, ...) or of distributions (n, ..., 2), got float32 (2, 3); a "
        "distribution has a number for each class");
}

TEST_CASE("data in which all weights are 0 or all labels are ignored are rejected") {
  Model model = dense(2);
  const Dataset data = quadrants(8);
  CHECK(refusal(model, data.weighted(Tensor::zeros({8})), loss::softmax_cross_entropy()) ==
        "fit: expected weights of which some are above 0 and labels that are not all ignored, got only samples of "
        "weight 0, for which the loss is always 0");
  CHECK(error_of([&] {
          data.weighted(Tensor::ones({8, 1}));
        }) == "Dataset::weighted: expected floating weights (8,), got float32 (8, 1)");
  CHECK(error_of([&] { data.weighted(Tensor::full({8}, nan_value)); }) ==
        "Dataset::weighted: expected finite weights of at least 0, got nan");
  const auto with = [&](const Dataset& samples, std::vector<double> weights) {
    SGD sgd(model.parameters());
    const Loss its_loss = samples.classes() > 0 ? loss::softmax_cross_entropy() : loss::mean_squared_error();
    return error_of([&] {
      fit(model, sgd, samples, {.loss = its_loss, .class_weights = std::move(weights), .show_progress = false});
    });
  };
  CHECK(with(data, {0, 0}) ==
        "fit: expected weights of which some are above 0 and labels that are not all ignored, got only samples of "
        "weight 0, for which the loss is always 0");
  const Dataset only_first(Tensor::zeros({3, 2}), Tensor::labels({0, 0, 0}), 2);
  CHECK(with(only_first, {0, 1}) ==
        "fit: expected weights of which some are above 0 and labels that are not all ignored, got only samples of "
        "weight 0, for which the loss is always 0");
  CHECK(with(data, {1, nan_value}) == "fit: expected finite class weights of at least 0, got nan");
  CHECK(with(with_targets({8, 2}), {1, 1}) ==
        "fit: expected no class_weights for data without classes, got 2; give each sample its weight with "
        "Dataset::weighted");
}

TEST_CASE("a model without trainable parameters, or a loss that does not depend on the model, is rejected") {
  Model model = dense(2);
  Adam adam(model.parameters());
  model.set_trainable(false);
  const auto train = [&](Optimizer& optimizer, FitOptions options) {
    options.show_progress = false;
    return error_of([&] { fit(model, optimizer, quadrants(8), options); });
  };
  CHECK(
      train(adam, {}) ==
      "fit: expected a model with a layer to train, got model with all of its layers frozen; call set_trainable(true)");
  model.set_trainable(true);
  const Loss constant = custom_loss([](const Variable&, const Tensor&) { return Variable(Tensor::scalar(3)); });
  const Loss detached =
      custom_loss([](const Variable& y, const Tensor& labels) { return softmax_cross_entropy(y.detached(), labels); });
  for (const Loss& its_loss : {constant, detached}) {
    CHECK(train(adam, {.loss = its_loss}) ==
          "fit: expected a loss that depends on the output last of model model, got a constant from custom; compute it "
          "from the outputs it is given, with functions of variables");
  }
  CHECK(adam.iterations() == 0);

  const auto input = Input({2});
  Model penalized(input, Dense({.units = 2, .kernel_regularizer = l2(0.1)})(input));
  SGD sgd(penalized.parameters());
  CHECK(error_of([&] { fit(penalized, sgd, quadrants(8), {.loss = constant, .show_progress = false}); }) ==
        "fit: expected a loss that depends on the output dense_1 of model model, got a constant from custom; compute "
        "it from the outputs it is given, with functions of variables");  // only the penalty depends on them
}

TEST_CASE("an optimizer whose groups freeze all that is trainable is rejected before the first step") {
  const Model model = quadrant_model();
  const auto error = [&](const std::string& frozen) {
    return message_of(model, quadrants(8), loss::softmax_cross_entropy(), {{.names = {frozen}, .frozen = true}});
  };
  const std::string message =
      "fit: expected an optimizer that changes a parameter of model model, got one whose groups freeze all that are "
      "trainable";
  CHECK(error("*") == message);
  CHECK(error("hidden/*").empty());
  model.layer("logits").set_trainable(false);
  CHECK(error("hidden/*") == message);
}

TEST_CASE("a layer that is unfrozen later is trained, and parameters missing in the optimizer are rejected") {
  Model model = quadrant_model();
  model.layer("hidden").set_trainable(false);
  Adam adam(model.parameters());
  const auto train = [&](Optimizer& optimizer, bool partial = false) {
    fit(model, optimizer, quadrants(8), {.partial_optimizer = partial, .show_progress = false});
  };
  const Tensor kernel = model.parameters()[0].value();
  train(adam);
  CHECK(identical(model.parameters()[0].value(), kernel));
  model.layer("hidden").set_trainable(true);
  train(adam);
  CHECK_FALSE(identical(model.parameters()[0].value(), kernel));
  Adam some({model.parameters()[3]});
  CHECK(error_of([&] { train(some); }) ==
        "fit: expected an optimizer of all trainable parameters of model model, got one without 3 of them, such as "
        "hidden/kernel; make it with model.parameters(), freeze the others, or set partial_optimizer to leave them as "
        "they are");
  CHECK(some.iterations() == 0);
  const Tensor left = model.parameters()[0].value(), trained = model.parameters()[3].value();
  train(some, true);
  CHECK(identical(model.parameters()[0].value(), left));
  CHECK_FALSE(identical(model.parameters()[3].value(), trained));
  model.layer("logits").set_trainable(false);
  CHECK(error_of([&] { train(some); }) ==
        "fit: expected an optimizer of parameters of model model that are not frozen, got one that has only frozen "
        "ones; make it with model.parameters()");
}

TEST_CASE("messages of fit, evaluate and predict have the numbers of inputs and targets of the model") {
  const auto a = Input({2}), b = Input({2});
  Model two(std::vector<SymbolicTensor>{a, b}, Dense({.units = 2})(Add()({a, b})), {.name = "two"});
  SGD sgd(two.parameters());
  const std::string expected = "expected 2 inputs for model two, got 1";
  CHECK(error_of([&] { fit(two, sgd, quadrants(8), {.show_progress = false}); }) == "fit: " + expected);
  CHECK(error_of([&] { evaluate(two, quadrants(8)); }) == "evaluate: " + expected);
  CHECK(error_of([&] { predict(two, Tensor::zeros({1, 2})); }) == "predict: " + expected);
  CHECK(error_of([] { predict(dense(2), Tensor()); }) ==
        "predict: expected inputs (None, 2) for model model, got an undefined tensor");
  const Model outputs({a}, std::vector<SymbolicTensor>{Dense({.units = 2})(a), Dense({.units = 1})(a)});
  CHECK(error_of([&] {
          predict(outputs, Tensor::zeros({1, 2}));
        }) == "predict: expected a model of one output, got model model of 2; use predict_all()");
  CHECK(error_of([&] { evaluate(outputs, quadrants(8)); }) ==
        "evaluate: expected 2 targets for model model, one for each output, got 1");
}

TEST_CASE("the losses of training and validation both include the penalties of regularizers") {
  const auto input = Input({2});
  Model model(input, Dense({.units = 2, .kernel_regularizer = l2(0.5), .name = "last"})(input), {.seed = 3});
  model.convert(DType::float64);
  const Dataset data = quadrants(16);
  SGD still(model.parameters(), {.learning_rate = 0});
  double squares = 0;
  for (const double w : model.parameters()[0].value().to_vector()) squares += w * w;
  REQUIRE(squares > 0.1);
  const double plain = softmax_cross_entropy(predict(model, data.input()), data.target()).value().item();
  const EpochResult epoch =
      fit(model, still, data, {.batch_size = 5, .validation = data, .show_progress = false}).last();
  CHECK(epoch["loss"] == Approx(plain + 0.5 * squares).epsilon(1e-12));
  CHECK(epoch["val_loss"] == Approx(plain + 0.5 * squares).epsilon(1e-12));
  CHECK(evaluate(model, data, {.batch_size = 7})["loss"] == Approx(plain + 0.5 * squares).epsilon(1e-12));
  model.set_trainable(false);  // as in Keras, frozen parameters have no penalty
  CHECK(evaluate(model, data)["loss"] == Approx(plain).epsilon(1e-12));
}
