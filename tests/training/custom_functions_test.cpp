// Functions of users: empty ones, and losses that compare targets with the outputs of other samples.
#include <functional>
#include <iostream>
#include <limits>
#include <sstream>

#include "framework/ops/ops.hpp"
#include "gradcheck/gradient_check.hpp"
#include "gradcheck/model_check.hpp"
#include "layers/core/activation.hpp"
#include "layers/core/lambda.hpp"
#include "optim/sgd.hpp"
#include "tests/training/small_training.hpp"
#include "training/metrics/metrics.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

Model plain_dense(std::int64_t units) {
  const auto input = Input({2});
  return {input, Dense({.units = units})(input), {.seed = 1}};
}

/// The message of the Error that the action throws, after ": "; empty when it throws none.
std::string refusal(const std::function<void()>& action) {
  try {
    action();
    return "";
  } catch (const Error& error) {
    const std::string message = error.what();
    return message.substr(message.find(": "));
  }
}

/// The message of fit, which must be that of evaluate too; empty if both accept the loss.
std::string verdict(std::int64_t units, const Dataset& data, const Loss& its_loss, std::int64_t batch_size) {
  Model model = plain_dense(units);
  SGD sgd(model.parameters(), {.learning_rate = 1e-3});
  std::string trained =
      refusal([&] { fit(model, sgd, data, {.batch_size = batch_size, .loss = its_loss, .show_progress = false}); });
  CHECK(trained == refusal([&] { evaluate(model, data, {.batch_size = batch_size, .loss = its_loss}); }));
  CHECK((trained.empty() || sgd.iterations() == 0));
  return trained;
}

Dataset with_targets(const Tensor& targets) { return {RandomStream(3).normal({targets.dim(0), 2}), targets}; }

Tensor random_targets(const Shape& shape) { return RandomStream(4).normal(shape); }

/// A loss as users may write it, without a check of the shapes.
Variable squared_error(const Variable& outputs, const Tensor& targets) {
  return mean(square(outputs - Variable(targets.to(outputs.dtype()))));
}

Variable column(const Variable& outputs, std::int64_t number) { return outputs[{all(), {number, number + 1}}]; }

/// The negative logarithm of a normal density with the mean and log variance that the model computes; targets (n).
Variable gaussian(const Variable& outputs, const Tensor& targets) {
  const Variable log_variance = column(outputs, 1);
  const Variable error = column(outputs, 0) - Variable(targets.reshaped({targets.dim(0), 1}));
  return mean(log_variance + square(error) * exp(-log_variance));
}

}  // namespace

TEST_CASE("an empty function is rejected as a loss in every form") {
  using Two = Variable(const Variable&, const Tensor&);
  using Three = Variable(const Variable&, const Tensor&, const Tensor&);
  Two* const two = nullptr;
  Three* const three = nullptr;
  CHECK(error_of([&] { Loss("mine", two); }) == "Loss mine: expected a function, got an empty one");
  CHECK(error_of([&] { Loss("mine", three); }) == "Loss mine: expected a function, got an empty one");
  CHECK(error_of([&] { Loss("mine", std::function<Two>()); }) == "Loss mine: expected a function, got an empty one");
  CHECK(error_of([&] { Loss("mine", std::function<Three>()); }) == "Loss mine: expected a function, got an empty one");
  CHECK(error_of([&] { Loss("", squared_error); }) == "Loss: expected a name of letters, digits and _, got \"\"");
  CHECK(error_of([&] { Loss("a,b", squared_error); }) == "Loss: expected a name of letters, digits and _, got \"a,b\"");
  CHECK(error_of([] {
          (void)check_model(plain_dense(2), Tensor::zeros({1, 2}), ModelLoss());
        }) == "check_model: expected a loss function, got an empty one");
}

TEST_CASE("other empty functions are rejected") {
  Variable (*const null)(const Variable&) = nullptr;
  const std::function<Variable(const Variable&)> empty;
  CHECK(error_of([&] { ActivationFunction{null}; }) ==
        "ActivationFunction custom: expected a function, got an empty one");
  CHECK(error_of([&] { ActivationFunction{empty}; }) ==
        "ActivationFunction custom: expected a function, got an empty one");
  CHECK(error_of([&] { (void)check_gradient(null, {{2}}); }) ==
        "check_gradient: expected a function of variables, got an empty one");
  CHECK(error_of([&] { (void)check_gradient(empty, {{2}}); }) ==
        "check_gradient: expected a function of variables, got an empty one");
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::ones({1}));
  CHECK(error_of([&] {
          record("mine", Tensor::ones({1}), {{x, empty}});
        }) == "Pullback: expected a function, got an empty one");
  CHECK(error_of([&] {
          record("mine", Tensor::ones({1}), {{x, null}});
        }) == "Pullback: expected a function, got an empty one");
  CHECK(error_of([&] { record("mine", Tensor::ones({1}), {x}, JointPullback()); }) ==
        "mine: expected a function as its derivative, got an empty one");
  Model model = plain_dense(2);
  SGD sgd(model.parameters());
  std::ostringstream text;
  CHECK(error_of([&] { fit(model, sgd, quadrants(8), {.output = {.stream = &text, .columns = nullptr}}); }) ==
        "Progress: expected a stream and functions for columns and seconds in ProgressOutput, got an empty function");
  CHECK(error_of([&] { fit(model, sgd, quadrants(8), {.output = {.stream = nullptr}}); }) ==
        "Progress: expected a stream and functions for columns and seconds in ProgressOutput, got a null stream");
}

TEST_CASE("a custom loss accepts only targets with the shape of the outputs unless it declares others") {
  const std::string expected = "would be compared with the outputs of other samples; reshape them";
  const Loss squares("squares", squared_error);
  for (const std::int64_t batch_size : {2, 3, 8, 32}) {
    CHECK_THAT(verdict(1, with_targets(random_targets({11})), squares, batch_size), Contains(expected));
  }
  CHECK_THAT(verdict(4, with_targets(random_targets({8})), squares, 4), Contains(expected));
  CHECK_THAT(verdict(3, with_targets(random_targets({8, 1})), squares, 4), Contains(expected));
  CHECK(verdict(3, with_targets(random_targets({8, 3})), squares, 4).empty());
  const Dataset classes(Tensor::zeros({8, 2}), Tensor::labels({0, 1, 2, 3, 0, 1, 2, 3}), 4);
  CHECK(verdict(4, classes, squares, 4) ==
        ": expected softmax_cross_entropy for labels that are class numbers, got squares; for this loss give one-hot "
        "targets, floating (n, 4), or let a custom loss say that it takes classes (LossOptions::targets)");

  const auto reshaped = [](const Variable& outputs, const Tensor& targets) {
    return squared_error(outputs, targets.reshaped(outputs.shape()));
  };
  const auto unsupervised = [](const Variable& outputs, const Tensor&) { return mean(square(outputs)); };
  const auto picked = [](const Variable& outputs, const Tensor& labels) {
    return softmax_cross_entropy(outputs, labels);
  };
  for (const std::int64_t batch_size : {1, 2, 3, 4, 8, 9}) {
    INFO("batch_size " << batch_size);
    const Dataset numbers = with_targets(random_targets({9}));
    CHECK(verdict(2, numbers, custom_loss(gaussian), batch_size).empty());
    CHECK(verdict(1, numbers, custom_loss(reshaped), batch_size).empty());
    CHECK(verdict(1, numbers, custom_loss(unsupervised), batch_size).empty());
    CHECK(verdict(4, classes, Loss("picked", picked, {.targets = LossTargets::classes}), batch_size).empty());
  }
}

TEST_CASE("a custom loss may declare logits or probabilities, and is then checked like the losses of xtape") {
  const auto input = Input({2});
  Model ending(input, Dense({.units = 2, .activation = softmax, .name = "last"})(input));
  const Loss logits("mine", squared_error, {.outputs = LossOutputs::logits});
  CHECK(error_of([&] {
          evaluate(ending, with_targets(random_targets({8, 2})), {.loss = logits});
        }) ==
        "evaluate: expected a model that gives logits, as mine takes them, got one that ends in layer last with "
        "softmax; leave it out");
  const Loss probabilities("mine", squared_error, {.outputs = LossOutputs::probabilities});
  Model plain = plain_dense(2);
  plain.parameters()[1].set_value(Tensor::of({2}, {40, 40}));  // the bias
  CHECK(error_of([&] {
          evaluate(plain, with_targets(random_targets({8, 2})), {.loss = probabilities});
        }) ==
        "evaluate: expected a model that gives probabilities, as mine takes them, got the output 38.3088; end it in a "
        "sigmoid or softmax, or use the loss of logits, sigmoid_cross_entropy or softmax_cross_entropy");
}

TEST_CASE("messages of losses and metrics contain advice") {
  for (const Loss& its_loss : {loss::sigmoid_cross_entropy(), loss::mean_squared_error()}) {
    CHECK_THAT(verdict(2, quadrants(8), its_loss, 4),
               Contains("expected softmax_cross_entropy for labels that are class numbers") && Contains("one-hot"));
  }
  const Tensor labels = Tensor::labels({0, 1}).reshaped({2, 1});
  CHECK(error_of([&] {
          softmax_cross_entropy(Tensor::zeros({2, 2}), labels);
        }) ==
        "softmax_cross_entropy: expected int64 labels (2,) for outputs (2, 2), got int64 (2, 1); reshape them with "
        ".reshaped({n})");
  CHECK(error_of([&] {
          accuracy(Tensor::zeros({2, 2}), labels);
        }) ==
        "accuracy: expected labels int64 (2,) or one-hot (2, 2), got int64 (2, 1); reshape them with .reshaped({n})");
  const Loss undefined = custom_loss([](const Variable&, const Tensor&) { return Variable(Tensor()); });
  CHECK(error_of([&] { evaluate(plain_dense(2), quadrants(8), {.loss = undefined}); }) ==
        "Loss custom: expected the function to return a variable of one element, got one of an undefined tensor");
  CHECK(error_of([] { class_table(Tensor()); }) ==
        "class_metrics: expected a confusion matrix (k, k) of int64, or (k, k + 1) with samples in the last column, "
        "got an undefined tensor");
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(Tensor::ones({2}));
  CHECK(error_of([&] { gradients(sum(x), {x}, Tensor()); }) ==
        "gradients: expected a cotangent like the output, () float32, got an undefined tensor");
  const Dataset weighted = with_targets(random_targets({8, 2})).weighted(Tensor::ones({8}));
  CHECK(error_of([&] { evaluate(plain_dense(2), weighted, {.loss = Loss("squares", squared_error)}); }) ==
        "evaluate: expected a loss(outputs, targets, weights) for data with weights, got squares, of two arguments");
}

TEST_CASE("a loss of one of several outputs that is a constant is an Error that names the output") {
  const auto input = Input({3});
  const Model frozen_head(std::vector{input},
                          {Dense({.units = 1, .name = "a"})(input), Dense({.units = 1, .name = "b"})(input)});
  Model model = frozen_head;
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Tensor x = Tensor::ones({4, 3}), y = Tensor::ones({4, 1});
  const Dataset data({x}, {{y}, {y}});
  const Loss constant("wrong", [](const Variable& o, const Tensor& t) { return mean_squared_error(o.value(), t); });
  const auto run = [&](double weight) {
    fit(model, sgd, data, {.loss = {{loss::mean_squared_error()}, {constant, weight}}, .show_progress = false});
  };
  CHECK(error_of([&] { run(1); }) ==
        "fit: expected a loss that depends on the output b of model model, got a constant from wrong; compute it from "
        "the outputs it is given, with functions of variables");
  run(0);  // it is only measured
  model.layer("b").set_trainable(false);
  run(1);  // nothing that the loss depends on is trained
}

/// Samples of three classes, of which the first one is ignored.
Dataset half_labelled() {
  return {{Tensor::ones({4, 3})}, {{.values = Tensor::labels({0, 1, 2, 0}), .classes = 3, .ignored_label = 0}}};
}

TEST_CASE("a data set whose ignored label the loss counts is rejected") {
  const auto input = Input({3});
  Model model(input, Dense({.units = 3})(input), {.seed = 1});
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Dataset data = half_labelled();
  const auto message = [&](const Loss& loss) {
    return error_of([&] { fit(model, sgd, data, {.loss = loss, .show_progress = false}); });
  };
  const auto expected = [](const char* got) {
    return fmt::format(
        "fit: expected a loss that ignores the label 0, as Target::ignored_label of the data says, got {}", got);
  };
  CHECK_THAT(message(loss::softmax_cross_entropy()), Catch::StartsWith(expected("softmax_cross_entropy;")));
  CHECK_THAT(message(loss::softmax_cross_entropy({.ignored_label = 1})), Catch::StartsWith(expected("softmax")));
  CHECK_THAT(message(loss::categorical_hinge()), Catch::StartsWith(expected("categorical_hinge;")));
  CHECK(error_of([&] { evaluate(model, data); }) ==
        "evaluate: expected a loss that ignores the label 0, as Target::ignored_label of the data says, got "
        "softmax_cross_entropy; give the loss the same label, loss::softmax_cross_entropy({.ignored_label = 0}), or a "
        "custom one a LossOptions::count that is 0 for it");
  const auto function = [](const Variable& o, const Tensor& t) {
    return softmax_cross_entropy(o, t, {}, {.ignored_label = 0});
  };
  CHECK_THAT(message(Loss("mine", function, {.targets = LossTargets::classes})), Catch::StartsWith(expected("mine;")));
  const auto count = [](const Tensor& t) { return labels_that_count(t, 3, 0); };
  for (const Loss& good : {loss::softmax_cross_entropy({.ignored_label = 0}),
                           Loss("mine", function, {.targets = LossTargets::classes, .count = count})}) {
    CHECK(fit(model, sgd, data, {.loss = good, .show_progress = false}).epochs().size() == 1);
  }
}

TEST_CASE("evaluate checks the values of each output with the loss of this output") {
  const auto input = Input({3});
  // what the functions compute is only known from the outputs
  const auto logits =
      Lambda({.function = [](const Variable& x) { return x * 5.0; }})(Dense({.units = 2, .name = "a"})(input));
  const auto shares =
      Lambda({.function = [](const Variable& x) { return softmax(x); }})(Dense({.units = 2, .name = "b"})(input));
  const Tensor labels = Tensor::labels({0, 1, 1, 0});
  const Dataset data({RandomStream(1).normal({4, 3})},
                     {{.values = labels, .classes = 2}, {.values = labels, .classes = 2}});
  const auto figures = [&](const SymbolicTensor& first, const SymbolicTensor& second, const Losses& losses) {
    return evaluate(Model({input}, {first, second}, {.seed = 3}), data, {.loss = losses});
  };
  const Losses of_logits_first{{loss::softmax_cross_entropy(), loss::categorical_cross_entropy()}};
  const Losses of_logits_last{{loss::categorical_cross_entropy(), loss::softmax_cross_entropy()}};
  CHECK(std::isfinite(figures(logits, shares, of_logits_first)["loss"]));
  CHECK(std::isfinite(figures(shares, logits, of_logits_last)["loss"]));
  const auto others = Lambda({.function = [](const Variable& x) { return x * 7.0; }})(Dense({.units = 2})(input));
  for (const bool first : {true, false}) {
    CHECK_THAT(error_of([&] { figures(logits, others, first ? of_logits_first : of_logits_last); }),
               Catch::StartsWith("evaluate: ") && Catch::Contains("categorical_cross_entropy"));
  }
}

TEST_CASE("a loss whose count is no number of positions is rejected") {
  const auto input = Input({3});
  Model model(input, Dense({.units = 3})(input), {.seed = 1});
  SGD sgd(model.parameters());
  const Dataset data(Tensor::ones({4, 3}), Tensor::labels({0, 1, 2, 0}), 3);
  const auto function = [](const Variable& o, const Tensor& t) { return softmax_cross_entropy(o, t); };
  for (const double count : {std::nan(""), HUGE_VAL, -1.0}) {
    const Loss loss("mine", function, {.targets = LossTargets::classes, .count = [=](const Tensor&) { return count; }});
    CHECK_THAT(error_of([&] { fit(model, sgd, data, {.loss = loss, .show_progress = false}); }),
               Catch::Contains(fmt::format("Loss mine: expected LossOptions::count to return a finite number of 0 or "
                                           "more, got {}",
                                           count)));
  }
}

TEST_CASE("a metric that counts positions without a label is rejected") {
  const auto input = Input({3});
  Model model(input, Dense({.units = 3})(input), {.seed = 1});
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Dataset data = half_labelled();
  const Loss loss = loss::softmax_cross_entropy({.ignored_label = 0});
  CHECK(
      error_of([&] { evaluate(model, data, {.loss = loss, .metrics = {metric::accuracy()}}); }) ==
      "evaluate: expected a metric that ignores the label 0, as Target::ignored_label of the data says, got accuracy; "
      "give the metric the option .ignored_label = 0");
  const Dataset complete({Tensor::ones({4, 3})}, {{.values = Tensor::labels({0, 1, 2, 0}), .classes = 3}});
  CHECK_THAT(error_of([&] {
               fit(model, sgd, complete,
                   {.validation = data, .loss = loss, .metrics = {metric::accuracy()}, .show_progress = false});
             }),
             Catch::StartsWith("fit, validation: expected a metric that ignores the label 0"));
  const auto message = [&](const Metric& metric) {
    return error_of([&] { fit(model, sgd, data, {.loss = loss, .metrics = {metric}, .show_progress = false}); });
  };
  const std::string expected = "fit: expected a metric that ignores the label 0, as Target::ignored_label of the data ";
  for (const Metric& wrong :
       {metric::accuracy(), metric::accuracy({.ignored_label = 1}), metric::top_k_accuracy({.k = 2}),
        metric::precision(), metric::recall(), metric::f1(), metric::intersection_over_union()}) {
    CHECK_THAT(message(wrong), Catch::StartsWith(expected));
  }
  const auto rows = [](const Tensor& outputs, const Tensor&, const Tensor&) {
    return Tensor::of({1}, {static_cast<double>(outputs.dim(0))}, DType::float64);
  };
  for (const Metric& good :
       {metric::accuracy({.ignored_label = 0}), metric::top_k_accuracy({.k = 2, .ignored_label = 0}),
        metric::precision({.ignored_label = 0}), metric::recall({.ignored_label = 0}), metric::f1({.ignored_label = 0}),
        metric::intersection_over_union({.ignored_label = 0}),
        Metric("rows", rows, [](const Tensor& sums) { return sums.at({0}); })}) {
    CHECK(fit(model, sgd, data, {.loss = loss, .metrics = {good}, .show_progress = false}).epochs().size() == 1);
  }
}

TEST_CASE("metrics cannot have the names of figures that fit adds") {
  const auto input = Input({3});
  Model model(input, Dense({.units = 1})(input), {.seed = 1});
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const Dataset data(Tensor::ones({4, 3}), Tensor::ones({4, 1}));
  for (const char* name : {"learning_rate", "seconds", "val_loss", "val_mine", "loss"}) {
    const Metric one(
        name, [](const Tensor&, const Tensor&, const Tensor&) { return test::f64({}, {1}); },
        [](const Tensor& s) { return s.item(); });
    const FitOptions options{.loss = loss::mean_squared_error(), .metrics = {one}, .show_progress = false};
    CHECK_THAT(error_of([&] { fit(model, sgd, data, options); }),
               Catch::Contains("expected figures of") && Catch::Contains(name) && Catch::Contains("rename"));
  }
}

TEST_CASE("two outputs of one layer need names of their own") {
  const auto a = Input({2}), b = Input({2});
  const Dense shared({.units = 2, .name = "d"});
  const Dataset data({Tensor::ones({4, 2}), Tensor::ones({4, 2})}, {{Tensor::ones({4, 2})}, {Tensor::ones({4, 2})}});
  const auto train = [&](const SymbolicTensor& second) {
    Model model({a, b}, {shared(a), second});
    SGD sgd(model.parameters());
    const Loss error = loss::mean_squared_error();
    fit(model, sgd, data, {.loss = {{error}, {error}}, .show_progress = false});
  };
  CHECK(error_of([&] { train(shared(b)); }) ==
        "fit: expected outputs of different names, got d twice; the name is that of the layer that makes the output: "
        "put another layer behind one, such as Activation(linear, {.name = \"other\"})");
  train(Activation(linear, {.name = "other"})(shared(b)));
}

TEST_CASE("the layer of an only output may have the name of a figure") {
  const auto input = Input({2});
  for (const std::string name : {"loss", "accuracy"}) {
    Model model(input, Dense({.units = 2, .name = name})(input));
    SGD sgd(model.parameters());
    const History history =
        fit(model, sgd, Dataset(Tensor::ones({4, 2}), Tensor::labels({0, 1, 1, 0}), 2), {.show_progress = false});
    CHECK((history.last().figures.contains("loss") && history.last().figures.contains("accuracy")));
  }
}

TEST_CASE("one message names trainable parameters that get no gradient in the first step") {
  const auto input = Input({3});
  const auto printed = [&](const Loss& loss, double rate_of_unused, bool frozen) {
    Model model(std::vector{input}, {Dense({.units = 1, .name = "a"})(input), Dense({.units = 1, .name = "b"})(input)});
    SGD sgd(model.parameters(), {.learning_rate = rate_of_unused, .groups = {{.names = {"b/*"}, .frozen = frozen}}});
    const Tensor x = Tensor::ones({4, 3}), y = Tensor::ones({4, 1});
    std::ostringstream text;
    std::streambuf* const standard = std::cerr.rdbuf(text.rdbuf());
    fit(model, sgd, Dataset({x}, {{y}, {y}}),
        {.epochs = 2, .loss = {{loss::mean_squared_error()}, {loss, frozen ? 1.0 : 0.0}}, .show_progress = false});
    std::cerr.rdbuf(standard);
    return text.str();
  };
  CHECK(printed(loss::mean_squared_error(), 0, false) ==
        "fit: 2 of the 4 trainable parameters got no gradient in the first step, so they did not change: b/kernel, "
        "b/bias; the loss does not depend on them, or their layers read them without the pass\n");
  CHECK(printed(loss::mean_squared_error(), 0.1, true).empty());
  // of many names the first five
  const auto out = [&](const char* name) { return Dense({.units = 1, .name = name})(input); };
  Model model({input}, {out("d"), out("a"), out("b"), out("c")});
  SGD sgd(model.parameters(), {.learning_rate = 0});
  const Loss error = loss::mean_squared_error();
  const Target ones{Tensor::ones({4, 1})};
  std::ostringstream text;
  std::streambuf* const standard = std::cerr.rdbuf(text.rdbuf());
  fit(model, sgd, Dataset({Tensor::ones({4, 3})}, {ones, ones, ones, ones}),
      {.loss = {{error}, {error, 0.0}, {error, 0.0}, {error, 0.0}}, .show_progress = false});
  std::cerr.rdbuf(standard);
  CHECK(text.str() ==
        "fit: 6 of the 8 trainable parameters got no gradient in the first step, so they did not change: a/kernel, "
        "a/bias, b/kernel, b/bias, c/kernel, ...; the loss does not depend on them, or their layers read them without "
        "the pass\n");
}

TEST_CASE("a loss that is not finite because of the data says so") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto message = [](double in_input, double in_target) {
    Model model = plain_dense(1);
    SGD sgd(model.parameters(), {.learning_rate = 0.1});
    return error_of([&] {
      fit(model, sgd, Dataset(Tensor::full({4, 2}, in_input), Tensor::full({4, 1}, in_target)),
          {.loss = loss::mean_squared_error(), .show_progress = false});
    });
  };
  CHECK(message(nan, 1) ==
        "fit: expected a finite loss, got nan in epoch 1, step 1 of 1; the inputs of this step have values that are "
        "not finite");
  CHECK(message(1, nan) ==
        "fit: expected a finite loss, got nan in epoch 1, step 1 of 1; the targets of this step have values that are "
        "not finite");
}
