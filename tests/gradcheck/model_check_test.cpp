// Gradients of whole networks, compared with central differences in float64.

#include "gradcheck/model_check.hpp"

#include <limits>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

struct Data {
  Tensor images, labels;
};
Data data(const Model& model, std::int64_t n) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(i * 5 % model.output_shape()[-1].value());
  return {RandomStream(3).uniform(model.input_shape().prepended(n)), Tensor::labels(labels)};
}

GradientReport check_on_data(const Model& model, std::int64_t n, const ModelCheckOptions& options = {}) {
  const auto [images, labels] = data(model, n);
  const auto loss = [&labels = labels](const Variable& y) { return softmax_cross_entropy(y, labels); };
  return check_model(model, images, loss, options);
}

/// The first two stages of ResNet-50, with fewer channels.
Model two_stages() {
  const auto input = Input({20, 17, 3});
  auto x = ZeroPadding2D({.padding = {3, 3, 3, 3}})(input);
  x = Conv2D({.filters = 8, .kernel_size = 7, .strides = 2, .name = "conv1"})(x);
  x = Activation(relu)(BatchNormalization({.name = "bn_conv1"})(x));
  x = MaxPooling2D({.pool_size = 3, .strides = 2})(x);
  x = convolutional_block(x, 3, {8, 8, 16}, 1, {2, 'a'});
  x = identity_block(x, 3, {8, 8, 16}, {2, 'b'});
  x = convolutional_block(x, 3, {12, 12, 24}, 2, {3, 'a'});
  x = identity_block(x, 3, {12, 12, 24}, {3, 'b'});
  return Model(input, Dense({.units = 5, .name = "fc"})(GlobalAveragePooling2D()(x)), {.seed = 2});
}

/// The identity of a parameter, with a gradient that is too large by a factor, which may be another in float32.
class WrongGradient final : public Layer {
 public:
  explicit WrongGradient(double factor) : WrongGradient(factor, factor) {}
  WrongGradient(double factor, double in_float32) : Layer("wrong"), factor_(factor), in_float32_(in_float32) {}
  std::string type() const override { return "WrongGradient"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{"shift", {inputs[0].shape[-1]}, zeros()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    const Variable shift = parameter(pass, "shift");
    const double factor = shift.dtype() == DType::float32 ? in_float32_ : factor_;
    return {inputs[0] + record("shift", shift.value(), {{shift, [=](const Variable& dy) { return dy * factor; }}})};
  }

 private:
  double factor_, in_float32_;
};

/// Adds 1e-9 * faint, whose gradient is 0, and has a parameter that it does not use.
class Faint final : public Layer {
 public:
  Faint() : Layer("faint") {}
  std::string type() const override { return "Faint"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{"shift", inputs[0].shape, zeros()}, {"idle", inputs[0].shape, zeros()}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    const Variable shift = parameter(pass, "shift");
    const Tensor faint = (1e-9 * Variable(shift.value())).value();
    return {inputs[0] + record("faint", faint, {{shift, [](const Variable& dy) { return dy * 0.0; }}})};
  }
};

}  // namespace

TEST_CASE("the gradients of the ConvNet agree with differences, for each parameter and for all together") {
  const GradientReport lab = check_on_data(conv_net({.seed = 1}), 3);
  CHECK(lab);
  CHECK(lab.inputs.size() == 1 + 1 + 4);  // all together, the images, two kernels, a dense kernel and its bias
  ConvNetOptions small = small_image_options();
  small.batch_normalization = true;
  const Model model = conv_net(small);
  const auto biases = [&] {
    std::vector<std::string> all = parameters_ending_in(model, "/bias");
    std::erase_if(all, [](const std::string& path) { return path.starts_with("dense"); });
    return all;
  }();
  // in float32 dropout draws another mask
  CHECK(check_on_data(model, 3, {.constant_parameters = biases, .float32_tolerance = 0}));
}

TEST_CASE("a two-stage bottleneck network's gradients agree with differences, in training and in inference") {
  const Model model = two_stages();
  const auto biases = parameters_ending_in(model, "/bias", {"fc"});
  CHECK(biases.size() == 15);
  CHECK(check_on_data(model, 4, {.constant_parameters = biases}));
  CHECK(check_on_data(model, 4, {.mode = Mode::inference}));
  CHECK_FALSE(check_on_data(model, 4));  // biases before batch normalization have no effect
}

TEST_CASE("the whole ResNet-50's gradients agree with differences along directions through all parameters") {
  const Model model = resnet50({.seed = 1});
  const GradientReport report =
      check_on_data(model, 2, {.directions = 4, .directions_each = 0, .float32_tolerance = 0});
  CHECK(report);
  CHECK(report.inputs[0].elements == 23'546'886 + 2 * 64 * 64 * 3);
}

TEST_CASE("the model check leaves a model unchanged") {
  const Model model = two_stages();
  std::vector<Tensor> before;
  for (const Parameter& parameter : model.parameters()) before.push_back(parameter.value());
  static_cast<void>(check_on_data(model, 2, {.directions = 1, .directions_each = 0}));
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(identical(model.parameters()[i].value(), before[i]));
}

TEST_CASE("parameters are listed by the ends of their paths, without frozen ones and those of layers left out") {
  const auto input = Input({3});
  auto x = Dense({.units = 4, .name = "frozen"})(input);
  x = Dense({.units = 4, .name = "out"})(BatchNormalization({.name = "norm"})(x));
  const Model model(input, Dense({.units = 2, .name = "outer"})(x));
  model.layer("frozen").set_trainable(false);
  using Paths = std::vector<std::string>;
  CHECK(parameters_ending_in(model, "/bias") == Paths{"out/bias", "outer/bias"});
  CHECK(parameters_ending_in(model, "/bias", {"out"}) == Paths{"outer/bias"});
  CHECK(parameters_ending_in(model, "a", {"none"}) == Paths{"norm/gamma", "norm/beta"});
  CHECK(parameters_ending_in(model, "/moving_mean").empty());
}

TEST_CASE("the model check names the one parameter whose gradient is wrong by 0.1 %") {
  const auto model_with = [](double factor) {
    const auto input = Input({6, 6, 2});
    auto x = Conv2D({.filters = 4, .kernel_size = 3, .activation = relu})(input);
    x = std::make_shared<WrongGradient>(factor)->connect_one({x});
    return Model(input, Dense({.units = 3})(Flatten()(x)), {.seed = 1});
  };
  CHECK(check_on_data(model_with(1), 3));
  for (const double factor : {1.001, 0.999, 2.0, -1.0, 0.0}) {
    const GradientReport report = check_on_data(model_with(factor), 3, {.directions = 0});
    INFO(factor);
    CHECK(report.problems.size() == 1);
    CHECK_THAT(to_string(report), Catch::Contains("problem: wrong/shift: 1 of 1 derivatives are wrong"));
  }
}

TEST_CASE("the model check names a parameter whose gradient is wrong in float32 alone") {
  const auto input = Input({6, 6, 2});
  const auto x = std::make_shared<WrongGradient>(1, 1.5)->connect_one({Flatten()(input)});
  const GradientReport report = check_on_data(Model(input, Dense({.units = 3})(x), {.seed = 1}), 3);
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0] == "wrong/shift: the gradient in float32 is off by 0.5 of its norm");
}

TEST_CASE("the model check rejects gradients that are not finite") {
  const double infinite = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto input = Input({3});
  for (const double factor : {infinite, -infinite, nan}) {
    const auto problems = [&](double in_float64, double in_float32) {
      const Model model(
          input, Dense({.units = 2})(std::make_shared<WrongGradient>(in_float64, in_float32)->connect_one({input})));
      return to_string(check_on_data(model, 4));
    };
    CHECK_THAT(problems(1, factor), Catch::Contains("wrong/shift: the gradient in float32 is off by "));
    CHECK_THAT(problems(factor, 1), Catch::Contains("DISAGREE"));
  }
}

TEST_CASE("the model check rejects what it cannot check") {
  const Model model = conv_net();
  const auto whole = [](const Variable& y) { return y; };
  const Tensor images = data(model, 2).images;
  CHECK(error_of([&] { static_cast<void>(check_model(model, images, whole)); }) ==
        "check_model: expected a loss of one number, got shape (2, 6)");
  CHECK(error_of([&] { static_cast<void>(check_model(model, Tensor::labels({1}), whole)); }) ==
        "check_model: expected floating images, got int64");
  CHECK(error_of([&] { static_cast<void>(check_on_data(model, 2, {.directions = 0, .directions_each = 0})); }) ==
        "check_model: expected at least one direction, got 0 and 0");
  CHECK(error_of([&] { static_cast<void>(check_on_data(model, 2, {.change = 0})); }) ==
        "check_model: expected steps above 0, got 0, 1e-06 and 0.001");
  CHECK(error_of([&] { static_cast<void>(check_model(model, images, ModelLoss())); }) ==
        "check_model: expected a loss function, got an empty one");
  CHECK(error_of([&] { static_cast<void>(check_model(model, std::vector{images}, ModelLossOfAll())); }) ==
        "check_model: expected a loss function, got an empty one");
}

TEST_CASE("constant parameters have a separate tolerance, and unused ones have the gradient 0") {
  const auto input = Input({3});
  const Model model(input, std::make_shared<Faint>()->connect_one({Dense({.units = 2})(input)}), {.seed = 1});
  const Tensor images = RandomStream(1).normal({4, 3}, 0, 1, DType::float64);
  const auto check_with = [&](std::vector<std::string> constants, double tolerance) {
    return check_model(model, images, [](const Variable& y) { return mean(square(y)); },
                       {.constant_parameters = std::move(constants), .constant_tolerance = tolerance});
  };
  CHECK(check_with({"faint/shift", "faint/idle"}, 1e-8));
  CHECK_FALSE(check_with({"faint/shift", "faint/idle"}, 1e-11));
  CHECK_FALSE(check_with({"faint/shift"}, 1e-8));
  CHECK_FALSE(check_with({"faint/idle"}, 1e-8));
}

TEST_CASE("a model check is as accurate for a large loss as for a small one") {
  const auto input = Input({3});
  const Model model(input, Dense({.units = 2})(Dense({.units = 4, .activation = tanh})(input)), {.seed = 1});
  const Tensor images = RandomStream(1).normal({4, 3}, 0, 1, DType::float64);
  for (const double factor : {1.0, 1e4, 1e8}) {
    CAPTURE(factor);
    CHECK(check_model(model, images, [factor](const Variable& y) { return factor * mean(square(y)); }));
  }
}
