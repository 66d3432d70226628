#include "training/fit.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include "layers/core/activation.hpp"
#include "layers/core/dense.hpp"
#include "layers/core/dropout.hpp"
#include "layers/core/softmax.hpp"
#include "layers/graph/input.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/shape/merge.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"
#include "training/data/data_loader.hpp"

namespace xtape {
namespace {

using test::error_of;

/// Points around the three corners of a triangle, with one class for each corner.
Dataset blobs(std::int64_t n, std::uint64_t seed = 1) {
  const std::vector<std::array<double, 2>> corners{{2, 0}, {-1, 2}, {-1, -2}};
  const std::vector<double> noise = RandomStream(seed).normal({n, 2}, 0, 0.4).to_vector();
  std::vector<double> points;
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const std::size_t label = i % 3;
    labels.push_back(static_cast<std::int64_t>(label));
    for (std::size_t axis = 0; axis < 2; ++axis) points.push_back(corners[label][axis] + noise[2 * i + axis]);
  }
  return {Tensor::of({n, 2}, points), Tensor::labels(labels), 3};
}

Model small_model(double dropout = 0) {
  const SymbolicTensor input = Input({2});
  auto x = Dense({.units = 16, .activation = relu, .name = "hidden"})(input);
  if (dropout > 0) x = Dropout({.rate = dropout})(x);
  return {input, Dense({.units = 3, .name = "logits"})(x), {.seed = 5}};
}

TEST_CASE("a small network learns three blobs") {
  const Dataset train = blobs(150), test = blobs(60, 2);
  Model model = small_model();
  Adam adam(model.parameters(), {.learning_rate = 0.02});
  std::vector<int> seen;
  const History history =
      fit(model, adam, train,
          {.epochs = 10,
           .batch_size = 32,
           .validation = test,
           .callbacks = {LambdaCallback({.epoch_end = [&](TrainingState& run) { seen.push_back(run.epoch); }})},
           .show_progress = false});
  REQUIRE(history.epochs().size() == 10);
  CHECK(seen == std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(adam.iterations() == 10 * 5);
  const EpochResult& last = history.last();
  CHECK(last["loss"] < 0.3 * history.epochs().front()["loss"]);
  CHECK(last["accuracy"] > 0.95);
  CHECK(last["learning_rate"] == 0.02);
  CHECK(last["seconds"] > 0);
  const Figures evaluation = evaluate(model, test);
  CHECK(evaluation["accuracy"] > 0.95);
  CHECK(evaluation["loss"] == Approx(last["val_loss"]));
  CHECK(evaluation["accuracy"] == last["val_accuracy"]);
}

TEST_CASE("equal seeds give equal bits, other seeds other bits") {
  const auto trained = [](std::uint64_t seed, DType dtype) {
    Model model = small_model(0.3);
    model.convert(dtype);
    Adam adam(model.parameters());
    fit(model, adam, blobs(50), {.epochs = 2, .batch_size = 8, .seed = seed, .show_progress = false});
    return model;
  };
  CHECK(test::same_bits(trained(3, DType::float32), trained(3, DType::float32)));
  CHECK_FALSE(test::same_bits(trained(3, DType::float32), trained(4, DType::float32)));
  CHECK(trained(3, DType::float64).dtype() == DType::float64);
}

TEST_CASE("fit does the steps of an explicit loop, including a smaller last batch") {
  const Dataset train = blobs(50);
  Model fitted = small_model(0.3), looped = small_model(0.3);
  SGD sgd(fitted.parameters(), {.learning_rate = 0.1}), same(looped.parameters(), {.learning_rate = 0.1});
  fit(fitted, sgd, train, {.epochs = 2, .batch_size = 16, .seed = 6, .show_progress = false});
  const DataLoader loader(train, {.batch_size = 16, .seed = 6});
  for (const int number : {0, 1}) {
    const Epoch epoch = loader.epoch(number);
    for (const Batch& batch : epoch) {
      ForwardPass pass(Mode::training, {.seed = 6, .step = same.iterations()});
      same.step(pass.backward(softmax_cross_entropy(looped(batch.input(), pass), batch.target())));
    }
  }
  CHECK(test::same_bits(fitted, looped));
}

TEST_CASE("loss and accuracy of an epoch are means over samples, also if the last batch is smaller") {
  const Dataset train = blobs(50);
  Model model = small_model();
  SGD still(model.parameters(), {.learning_rate = 0});
  const History history = fit(model, still, train, {.batch_size = 16, .show_progress = false});
  const Figures at_once = evaluate(model, train, {.batch_size = 50});
  CHECK(history.last()["loss"] == Approx(at_once["loss"]));
  CHECK(history.last()["accuracy"] == Approx(at_once["accuracy"]));
  CHECK(evaluate(model, train, {.batch_size = 7})["loss"] == Approx(at_once["loss"]));
}

TEST_CASE("evaluation and prediction record nothing and do not change the model") {
  const SymbolicTensor input = Input({2});
  Model model(input, Dense({.units = 3})(BatchNormalization()(input)));
  const std::vector<Tensor> before = test::values_of(model);
  bool tracked = false;
  evaluate(model, blobs(20),
           {.loss = Loss("mine",
                         [&](const Variable& outputs, const Tensor& labels) {
                           tracked = tracked || outputs.tracked();
                           return softmax_cross_entropy(outputs, labels);
                         },
                         {.targets = LossTargets::classes})});
  predict(model, blobs(20).input());
  CHECK_FALSE(tracked);
  CHECK(std::ranges::equal(before, test::values_of(model), identical));
}

TEST_CASE("predictions are the model's outputs, row by row") {
  Model model = small_model(0.5);
  const Tensor bytes = Tensor::of({5, 2}, {0, 255, 51, 102, 7, 9, 255, 255, 1, 2}, DType::uint8);
  std::vector<double> scaled = bytes.to_vector();
  for (double& value : scaled) value /= 255;
  ForwardPass pass(Mode::inference);
  const Tensor expected = model(Tensor::of({5, 2}, scaled), pass).value();
  CHECK(test::largest_difference(predict(model, bytes, 2), expected) < 1e-6);
  CHECK(test::largest_difference(predict(model, Tensor::of({5, 2}, scaled)), expected) < 1e-6);
  model.convert(DType::float64);
  CHECK(predict(model, bytes).dtype() == DType::float64);
}

TEST_CASE("predictions may be whole numbers") {
  const auto input = Input({.shape = {2}, .dtype = DType::int64});
  const Model model(input, Flatten()(input));
  const Tensor x = Tensor::labels({1, 2, 3, 4, 5, 6}).reshaped({3, 2});
  CHECK(predict(model, x, 2).dtype() == DType::int64);
  CHECK(identical(predict(model, x, 2), x));
}

TEST_CASE("fit and evaluate accept another loss") {
  const auto function = [](const Variable& outputs, const Tensor& labels) {
    Tensor targets = Tensor::zeros(outputs.shape(), outputs.dtype());
    for (std::int64_t i = 0; i < labels.size(); ++i) {
      targets.mutable_data<float>()[i * outputs.dim(1) + labels.data<std::int64_t>()[i]] = 1;
    }
    return mean_squared_error(outputs, targets);
  };
  const Loss squared("squared", function, {.targets = LossTargets::classes});
  Model model = small_model();
  Adam adam(model.parameters(), {.learning_rate = 0.02});
  const History history = fit(model, adam, blobs(150), {.epochs = 10, .loss = squared, .show_progress = false});
  CHECK(history.last()["accuracy"] > 0.95);
  CHECK(evaluate(model, blobs(150), {.loss = squared})["loss"] < 0.1);
}

TEST_CASE("progress is written to the given stream") {
  std::ostringstream stream;
  Model model = small_model();
  SGD sgd(model.parameters());
  FitOptions options{.epochs = 2};
  options.output = {.stream = &stream, .columns = [] { return 0; }};
  fit(model, sgd, blobs(9), options);
  const std::string text = stream.str();
  CHECK(std::ranges::count(text, '\n') == 2);
  CHECK(text.starts_with("epoch 1/2  loss "));
}

TEST_CASE("a loss that is not finite stops the run, with epoch and step in the message") {
  Model model = small_model();
  SGD sgd(model.parameters());
  int calls = 0;
  const auto broken = [&](const Variable& outputs, const Tensor& labels) {
    const Variable loss = softmax_cross_entropy(outputs, labels);
    return ++calls < 5 ? loss : Variable(Tensor::scalar(std::numeric_limits<double>::quiet_NaN()));
  };
  CHECK(error_of([&] {
          fit(model, sgd, blobs(9),
              {.epochs = 3,
               .batch_size = 3,
               .loss = Loss("broken", broken, {.targets = LossTargets::classes}),
               .show_progress = false});
        }) ==
        "fit: expected a finite loss, got nan in epoch 2, step 2 of 3; lower the learning rate, set clip_norm, or look "
        "for what is not finite in the data");
  CHECK(sgd.iterations() == 4);
}

/// The message of the Error that fit throws before the first step.
std::string fit_error(Model model, const Dataset& data, FitOptions options) {
  SGD sgd(model.parameters());
  options.show_progress = false;
  const std::string message = error_of([&] { fit(model, sgd, data, options); });
  CHECK(sgd.iterations() == 0);
  return message;
}

TEST_CASE("fit rejects invalid arguments before the first step") {
  Model model = small_model();
  const Dataset data = blobs(9);
  const Dataset wide(Tensor::zeros({4, 3}), Tensor::labels({0, 1, 2, 0}), 3);
  const Dataset many(Tensor::zeros({4, 2}), Tensor::labels({0, 1, 2, 3}), 4);
  CHECK(fit_error(model, data, {.epochs = 0}) == "fit: expected at least 1 epoch, got 0");
  CHECK(fit_error(model, data, {.callbacks = {nullptr}}) == "fit: expected callbacks, got a null pointer");
  CHECK(fit_error(model, data, {.class_weights = {1, 2}}) ==
        "fit: expected a class weight for each of the 3 classes, got 2");
  CHECK(fit_error(model, data, {.class_weights = {1, 2, -1}}) ==
        "fit: expected finite class weights of at least 0, got -1");
  CHECK(fit_error(model, data, {.batch_size = 0}) == "fit: expected a batch_size of at least 1, got 0");
  CHECK(fit_error(model, data, {.loss = {{loss::softmax_cross_entropy()}, {loss::softmax_cross_entropy()}}}) ==
        "fit: expected 1 loss for model model, one for each output, got 2");
  CHECK(fit_error(model, data, {.loss = {{loss::softmax_cross_entropy(), -1}}}) ==
        "fit: expected a finite weight of at least 0 for the loss softmax_cross_entropy, got -1");
  CHECK(fit_error(model, data, {.loss = {{loss::softmax_cross_entropy(), 0}}}) ==
        "fit: expected a loss with a weight above 0, got only weights of 0");
  CHECK(fit_error(model, data, {.metrics = {{metric::accuracy(), "other"}}}) ==
        "fit: expected the metric accuracy to name the output that it measures, one of logits, got \"other\"");
  CHECK(fit_error(model, data, {.metrics = {metric::accuracy(), metric::accuracy()}}) ==
        "fit: expected figures of different names, got accuracy twice; give a metric another name with "
        "Metric::renamed() (loss is the name of what is minimized)");
  CHECK(fit_error(model, data, {.accumulate = 0}) == "fit: expected accumulate from 1 to 1073741824, got 0");
  CHECK(fit_error(model, data, {.steps_per_epoch = -1}) ==
        "fit: expected steps_per_epoch from 0 to 1073741824, got -1");
  CHECK(fit_error(model, data, {.validation_split = 1}) == "fit: expected a validation_split in [0, 1), got 1");
  CHECK(fit_error(model, data, {.validation = data, .validation_split = 0.5}) ==
        "fit: expected validation or validation_split, got both");
  CHECK(fit_error(model, data, {.batch_size = 10, .drop_last = true}) ==
        "DataLoader: expected a batch_size of at most 9, the number of samples, with drop_last, got 10");
  CHECK(fit_error(model, wide, {}) == "fit: expected inputs (None, 2) for model model, got (4, 3)");
  CHECK(fit_error(model, data, {.validation = wide}) ==
        "fit, validation: expected inputs (None, 2) for model model, got (4, 3)");
  const Dataset numbers(Tensor::zeros({4, 2}), Tensor::zeros({4, 3}));
  const Losses squares{{loss::mean_squared_error()}};
  CHECK(fit_error(model, data, {.validation = numbers}) ==
        "fit: expected validation data with classes where the training data has them, got 0 and 3 classes");
  CHECK(fit_error(model, numbers, {.validation = data, .loss = squares}) ==
        "fit: expected validation data with classes where the training data has them, got 3 and 0 classes");
  CHECK(fit_error(model, many, {}) ==
        "fit: expected a model with an output for each of the 4 classes of the data, got output shape (None, 3)");
  SGD other(small_model().parameters());
  CHECK(error_of([&] { fit(model, other, data, {.show_progress = false}); }) ==
        "fit: expected an optimizer of the parameters of model model, got one of other parameters; make it with "
        "model.parameters()");
}

TEST_CASE("a loss with several elements is rejected") {
  const auto identity = [](const Variable& outputs, const Tensor&) { return outputs; };
  CHECK(fit_error(small_model(), blobs(9), {.loss = Loss("identity", identity, {.targets = LossTargets::classes})}) ==
        "fit: expected a loss of one element, got shape (9, 3); take the mean");
}

TEST_CASE("a softmax at the end is rejected with a loss of logits") {
  const SymbolicTensor input = Input({2});
  const SymbolicTensor logits = Dense({.units = 3})(input);
  Model layer(input, Softmax({.name = "probabilities"})(logits));
  const std::string expected =
      "expected a model that gives logits, as softmax_cross_entropy takes them, got one that ends in layer "
      "probabilities with softmax; leave it out";
  CHECK(fit_error(layer, blobs(9), {}) == "fit: " + expected);
  CHECK(error_of([&] { evaluate(layer, blobs(9)); }) == "evaluate: " + expected);
  const ActivationFunction function("softmax", [](const Variable& x) { return x; });
  Model activation(input, Activation(function, {.name = "probabilities"})(logits));
  CHECK(fit_error(activation, blobs(9), {}) == "fit: " + expected);
  Model option(input, Dense({.units = 3, .activation = function, .name = "probabilities"})(input));
  CHECK(fit_error(option, blobs(9), {}) == "fit: " + expected);
  Model nested(input, layer(input));
  CHECK(fit_error(nested, blobs(9), {}) ==
        "fit: expected a model that gives logits, as softmax_cross_entropy takes them, got one that ends in layer "
        "model_1 with softmax; leave it out");
  CHECK(predict(layer, blobs(9).input()).shape() == Shape{9, 3});
}

TEST_CASE("evaluate and predict reject invalid arguments") {
  Model model = small_model();
  CHECK(error_of([&] { evaluate(model, blobs(9), {.batch_size = 0}); }) ==
        "evaluate: expected a batch_size of at least 1, got 0");
  CHECK(error_of([&] { predict(model, blobs(9).input(), 0); }) ==
        "predict: expected a batch_size of at least 1, got 0");
  CHECK(error_of([&] {
          predict(model, Tensor::zeros({3, 4}));
        }) == "predict: expected inputs (None, 2) for model model, got (3, 4)");
  CHECK(error_of([&] {
          predict(model, Dataset(Tensor::zeros({3, 4}), Tensor::zeros({3, 1})));
        }) == "predict: expected inputs (None, 2) for model model, got (3, 4)");
  CHECK(error_of([&] {
          predict(model, Tensor::zeros({0, 2}));
        }) == "predict: expected at least one sample, got (0, 2)");
}

TEST_CASE("predict_all takes a list of tensors") {
  const auto p = Input({2}), q = Input({2});
  const Model model({p, q}, Add()({p, q}));
  const Tensor one = Tensor::ones({1, 2});
  CHECK(predict_all(model, {one, one}).at(0).to_vector() == std::vector<double>{2, 2});
  CHECK(predict_all(model, {one, one}, 1).at(0).to_vector() == std::vector<double>{2, 2});
  CHECK(predict_all(model, std::vector{one, one}).at(0).to_vector() == std::vector<double>{2, 2});
  const std::string refused = "predict: expected a batch_size of at least 1, got 0";
  CHECK(error_of([&] { static_cast<void>(predict_all(model, {one, one}, 0)); }) == refused);
  CHECK(error_of([&] { static_cast<void>(predict_all(model, std::vector{one, one}, 0)); }) == refused);
  const Model single(p, Activation(relu)(p));
  CHECK(error_of([&] { static_cast<void>(predict(single, one, 0)); }) == refused);
}

}  // namespace
}  // namespace xtape
