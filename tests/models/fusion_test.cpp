// Fused layers compute the same values as separate layers. A model that has every value as an output fuses nothing; it
// is compared with a model of the same layers that fuses them.

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "framework/autograd/finite_check.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/weights.hpp"
#include "models/graph/model.hpp"
#include "models/zoo/resnet50.hpp"
#include "optim/adam.hpp"
#include "tests/models/fused_pair.hpp"
#include "tests/models/one_step.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::convolution;
using xtape::test::error_of;
using xtape::test::largest_difference;
using xtape::test::one_step;
using xtape::test::OneStep;
using xtape::test::output_of;
using Pair = xtape::test::FusedPair;

namespace {

/// All patterns that are fused, and similar ones that must not be fused.
Pair varied() {
  const auto input = Input({9, 8, 3});
  const BatchNormalization shared({.momentum = 0.5});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .bias_initializer = he_normal()})(input);
  x = Activation(relu)(BatchNormalization({.momentum = 0.5})(x));
  x = convolutional_block(x, 3, {3, 3, 8}, 2, {2, 'a'}, {.momentum = 0.8});
  x = identity_block(x, 3, {3, 3, 8}, {2, 'b'}, {.momentum = 0.8, .bias_correction = true});
  const auto early = shared(Conv2D({.filters = 8, .bias_initializer = he_normal()})(x));
  x = Activation(relu)(Add()({Dropout({.rate = 0.3})(x), early}));      // sum and relu
  x = Activation(relu)(Add()({Dropout({.rate = 0.3})(x), shared(x)}));  // a layer called twice
  x = Activation(relu)(Add()({shared(x), shared(Activation(tanh)(x))}));
  const auto behind = BatchNormalization({.momentum = 0.5})(Conv2D({.filters = 8, .bias_initializer = he_normal()})(x));
  x = Activation(relu)(Add()({Dropout({.rate = 0.3})(x), behind}));                  // normalized, used last
  x = Activation(relu)(Conv2D({.filters = 8, .bias_initializer = he_normal()})(x));  // bias and relu
  x = Activation(relu)(Conv2D({.filters = 7, .kernel_size = 3, .strides = 2, .bias_initializer = he_normal()})(x));
  x = Activation(relu)(BatchNormalization({.momentum = 0.5})(
      DepthwiseConv2D({.kernel_size = 3, .padding = Padding::same, .bias_initializer = he_normal()})(x)));
  x = Activation(relu)(DepthwiseConv2D({.kernel_size = 2, .padding = Padding::same})(x));
  x = Activation(relu)(BatchNormalization({.momentum = 0.5})(
      SeparableConv2D({.filters = 7, .kernel_size = 2, .padding = Padding::same, .bias_initializer = he_normal()})(x)));
  x = Activation(relu)(BatchNormalization({.momentum = 0.5})(
      Conv2DTranspose({.filters = 7, .kernel_size = 2, .padding = Padding::same, .bias_initializer = he_normal()})(x)));
  x = Activation(relu)(Conv2DTranspose({.filters = 6, .kernel_size = 2, .padding = Padding::same})(x));
  x = Conv2D({.filters = 6, .activation = tanh, .bias_initializer = he_normal()})(
      x);  // the normalization cannot handle the bias
  x = BatchNormalization({.momentum = 0.5})(BatchNormalization({.momentum = 0.5, .center = false})(x));
  const auto normalized = BatchNormalization({.momentum = 0.5})(x);
  x = Add()({normalized, normalized});                                               // twice the same value
  x = Add()({Activation(relu)(x), x, x});                                            // read more than once
  x = Activation(relu)(Add()({x, Activation(tanh)(x), Dropout({.rate = 0.3})(x)}));  // a sum of three and relu
  const auto first = BatchNormalization({.momentum = 0.5})(x);
  // the same after batch normalization
  x = Activation(relu)(Add()({first, Activation(tanh)(x), Dropout({.rate = 0.3})(x)}));
  x = Activation(tanh)(BatchNormalization()(x));  // no relu
  x = Dense({.units = 5, .activation = relu, .bias_initializer = constant(0.3)})(Flatten()(x));
  x = Activation(relu)(BatchNormalization({.scale = false})(x));
  return {input, Dense({.units = 3})(x)};
}

void compare(const Pair& models, const Tensor& images, double tolerance) {
  const auto find = [](const Model& model, const Parameter& wanted) {
    const auto all = model.parameters();
    return static_cast<std::size_t>(std::ranges::find(all, wanted) - all.begin());
  };
  for (const Mode mode : {Mode::training, Mode::inference, Mode::recalibration}) {
    const PassOptions options{.record = true, .seed = 3, .step = 5};
    const OneStep a = one_step(models.fused, images, options, mode);
    const OneStep b = one_step(models.plain, images, options, mode);
    CHECK(largest_difference(a.output, b.output) < tolerance);
    CHECK(largest_difference(a.input_gradient, b.input_gradient) < tolerance);
    const auto parameters = models.fused.parameters();
    REQUIRE(parameters.size() == models.plain.parameters().size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      INFO(parameters[i].name() << ", mode " << static_cast<int>(mode));
      const std::size_t j = find(models.plain, parameters[i]);
      CHECK(largest_difference(a.state[i], b.state[j]) < tolerance);
      REQUIRE(a.gradients[i].defined() == b.gradients[j].defined());
      if (a.gradients[i].defined()) CHECK(largest_difference(a.gradients[i], b.gradients[j]) < tolerance);
    }
  }
}

/// A block whose moving averages differ from their start values.
Pair settled_block() {
  const auto input = Input({6, 6, 2});
  auto x = Conv2D({.filters = 4, .kernel_size = 3, .bias_initializer = he_normal(), .name = "conv"})(input);
  x = Activation(relu, {.name = "relu"})(BatchNormalization({.momentum = 0.5, .name = "bn"})(x));
  const auto y = BatchNormalization({.name = "bn2"})(Conv2D({.filters = 4, .name = "conv2"})(x));
  Pair models(input, Activation(relu, {.name = "last"})(Add({.name = "sum"})({y, x})));
  for (int i = 0; i < 4; ++i) {
    ForwardPass pass(Mode::recalibration);
    models.fused(RandomStream(9).normal({8, 6, 6, 2}, 1, 2), pass);
    pass.commit();
  }
  return models;
}

}  // namespace

TEST_CASE("fused and separate layers have equal values, gradients and moving averages in every mode") {
  Pair models = varied();
  const Tensor images = RandomStream(7).normal({5, 9, 8, 3});
  models.fused.convert(DType::float64);
  compare(models, images.to(DType::float64), 1e-10);
}

/// Batch normalization with every kind of rectifier after it.
Pair rectified() {
  const auto input = Input({9, 8, 6});
  auto x = Activation(relu6)(BatchNormalization({.momentum = 0.5})(
      DepthwiseConv2D({.kernel_size = 3, .padding = Padding::same, .bias_initializer = he_normal()})(input)));
  const auto limited = BatchNormalization({.momentum = 0.5})(Conv2D({.filters = 6, .use_bias = false})(x));
  x = ReLU({.max_value = 0.5})(Add()({limited, x}));              // limit and residual
  x = ReLU({.max_value = 0.5})(Add()({x, Activation(tanh)(x)}));  // limit of a sum alone
  x = ReLU({.max_value = 0.4})(Add()({Conv2D({.filters = 6, .bias_initializer = constant(0.2)})(x), x}));
  x = ReLU({.negative_slope = 0.1})(BatchNormalization({.momentum = 0.5})(x));  // another rectifier
  x = ReLU({.threshold = 0.2})(BatchNormalization({.momentum = 0.5})(x));       // another rectifier
  return {input, Dense({.units = 3})(Flatten()(x))};
}

TEST_CASE("batch normalization fused with limited relu equals separate layers in every mode") {
  Pair models = rectified();
  models.fused.convert(DType::float64);
  compare(models, RandomStream(7).normal({5, 9, 8, 6}, 0, 1, DType::float64), 1e-10);
}

TEST_CASE("the gradients of ResNet-50 equal those of separate layers") {
  const auto input = Input({33, 33, 3});
  auto x = Activation(relu)(BatchNormalization()(Conv2D({.filters = 4, .kernel_size = 7, .strides = 2})(input)));
  x = MaxPooling2D({.pool_size = 3, .strides = 2})(x);
  for (const char block : {'a', 'b', 'c'}) x = convolutional_block(x, 3, {4, 4, 8}, 1, {2, block});
  for (const char block : {'d', 'e'}) x = identity_block(x, 3, {4, 4, 8}, {2, block});
  Pair models(input, Dense({.units = 3})(GlobalAveragePooling2D()(x)));
  models.fused.convert(DType::float64);
  compare(models, RandomStream(7).normal({3, 33, 33, 3}, 0, 1, DType::float64), 1e-10);
}

/// A network with convolutions and max poolings in every order that is fused, and in some that are not.
Pair pooled() {
  const auto input = Input({24, 20, 3});
  const auto conv = [](std::int64_t filters, bool bias, const ActivationFunction& activation) {
    return Conv2D({.filters = filters,
                   .kernel_size = 3,
                   .padding = Padding::same,
                   .activation = activation,
                   .use_bias = bias,
                   .bias_initializer = he_normal()});
  };
  auto x = MaxPooling2D({.pool_size = 2})(Activation(relu)(conv(8, false, linear)(input)));
  x = MaxPooling2D({.pool_size = {1, 2}})(Activation(relu)(conv(5, true, linear)(x)));
  x = MaxPooling2D({.pool_size = {2, 1}, .padding = Padding::same})(conv(6, true, relu)(x));
  x = Activation(relu)(MaxPooling2D({.pool_size = 3, .strides = 1})(conv(18, true, linear)(x)));  // windows overlap
  x = MaxPooling2D({.pool_size = 2, .strides = 1})(conv(4, true, linear)(x));                     // many channels
  x = MaxPooling2D({.pool_size = 1})(conv(4, true, tanh)(x));
  const auto read_twice = conv(4, true, relu)(x);
  x = Add()({MaxPooling2D({.pool_size = 3, .strides = 1, .padding = Padding::same})(read_twice), read_twice});
  return {input, Dense({.units = 3})(Flatten()(x))};
}

TEST_CASE("fused convolutions and max poolings equal separate ones") {
  Pair models = pooled();
  models.fused.convert(DType::float64);
  compare(models, RandomStream(7).normal({5, 24, 20, 3}, 0, 1, DType::float64), 1e-10);
  ForwardPass pass(Mode::training);
  models.fused(Tensor::ones({1, 24, 20, 3}, DType::float64), pass);
  const auto operations = pass.operations();
  const std::vector<std::string> first(operations.begin(), operations.begin() + 10);
  CHECK(first == std::vector<std::string>{"conv2d_max_pool2d", "relu", "conv2d_max_pool2d", "add", "relu",
                                          "conv2d_max_pool2d", "add", "relu", "conv2d", "max_pool2d"});
  Tensor images = RandomStream(5).normal({3, 24, 20, 3}, 0, 1, DType::float64);
  CHECK(largest_difference(output_of(models.fused, images), output_of(models.plain, images)) < 1e-10);
}

TEST_CASE("fused layers are recorded as one op, and values with other readers are not fused") {
  Pair models = settled_block();
  const Tensor images = Tensor::ones({2, 6, 6, 2});
  ForwardPass pass(Mode::training);
  models.fused(images, pass);
  CHECK(pass.operations() == std::vector<std::string>{"conv2d", "batch_norm", "conv2d", "batch_norm"});
  ForwardPass plain(Mode::training);
  models.plain.call({images}, plain);
  CHECK(plain.operations() ==
        std::vector<std::string>{"conv2d", "add", "batch_norm", "relu", "conv2d", "add", "batch_norm", "add", "relu"});
}

TEST_CASE("convolutions that inference normalizes in the cache have the bits of separate layers") {
  const auto input = Input({any, any, 3});
  const auto normalized = [](const SymbolicTensor& x) { return BatchNormalization({.momentum = 0.5})(x); };
  auto x = ReLU({.max_value = 1})(normalized(convolution(16, 3)(input)));  // strips
  x = Activation(relu)(normalized(convolution(40, 1, 1, false)(x)));       // a product
  const auto depthwise = DepthwiseConv2D({.kernel_size = 3, .padding = Padding::same, .depth_multiplier = 2});
  x = Activation(relu6)(normalized(depthwise(x)));
  const auto y = normalized(convolution(80, 3, 1, false)(x));  // Winograd's method
  x = Activation(relu6)(Add()({y, x}));
  x = normalized(convolution(48, 3, 4)(x));
  x = BatchNormalization({.center = false, .scale = false})(convolution(700, 1)(x));  // columns beyond one part
  Pair models(input, Activation(tanh)(x));
  for (int i = 0; i < 3; ++i) {
    ForwardPass pass(Mode::recalibration);
    models.fused(RandomStream(9).normal({2, 6, 7, 3}, 1, 2), pass);
    pass.commit();
  }
  for (const Shape& shape : {Shape{1, 1, 1, 3}, Shape{2, 9, 8, 3}, Shape{3, 40, 33, 3}}) {
    const Tensor images = RandomStream(5).normal(shape);
    CHECK(identical(output_of(models.fused, images), output_of(models.plain, images)));
  }
  for (const Parameter& parameter : models.fused.parameters()) {  // a variance that float cannot hold the inverse of
    if (parameter.name().ends_with("gamma")) parameter.set_value(Tensor::full(parameter.shape(), 1e-42));
  }
  const Tensor images = RandomStream(5).normal({2, 9, 8, 3});
  CHECK(identical(output_of(models.fused, images), output_of(models.plain, images)));
  models.fused.convert(DType::float64);
  const Tensor precise = images.to(DType::float64);
  CHECK(identical(output_of(models.fused, precise), output_of(models.plain, precise)));
}

TEST_CASE("batch normalization and every function of elements are one op") {
  const auto input = Input({4, 4, 3});
  const auto operations = [&](const SymbolicTensor& output) {
    ForwardPass pass(Mode::training);
    Model(input, output)(Tensor::ones({2, 4, 4, 3}), pass);
    return pass.operations();
  };
  const auto normalized = [&] { return BatchNormalization()(DepthwiseConv2D({.kernel_size = 3})(input)); };
  const std::vector<std::string> one{"reshape", "conv2d", "batch_norm"};
  CHECK(operations(Activation(relu6)(normalized())) == one);
  CHECK(operations(ReLU({.max_value = 6})(normalized())) == one);
  CHECK(operations(ReLU()(normalized())) == one);
  for (const ReLU& other : {ReLU({.negative_slope = 0.1}), ReLU({.threshold = 1}), ReLU({.max_value = 0})}) {
    CHECK(operations(other(normalized())) == one);
  }
  CHECK(operations(Activation(silu)(normalized())) == one);
  CHECK(operations(Activation(softmax)(normalized())).back() == "softmax");  // depends on other elements
}

TEST_CASE("inference uses every change of a parameter and does not change its input") {
  Pair models = settled_block();
  const Tensor images = RandomStream(5).normal({3, 6, 6, 2});
  const Tensor kept = Tensor::of(images.shape(), images.to_vector());
  const auto agree = [&](DType dtype) {
    const Tensor given = images.to(dtype);
    return largest_difference(output_of(models.fused, given), output_of(models.plain, given)) < 1e-4;
  };
  std::vector<Tensor> outputs{output_of(models.fused, images)};
  CHECK(agree(DType::float32));
  const auto path = std::filesystem::temp_directory_path() / fmt::format("fusion_test_{}.safetensors", getpid());
  save_weights(models.fused, path);
  for (const Parameter& parameter : models.fused.parameters()) {
    if (parameter.name() == "conv/bias" || parameter.name() == "bn2/gamma") {
      parameter.set_value((Variable(parameter.value()) * 1.5 + 0.25).value());
    }
  }
  outputs.push_back(output_of(models.fused, images));
  CHECK(agree(DType::float32));
  Adam adam(models.fused.parameters(), {.learning_rate = 0.05});
  ForwardPass pass(Mode::training);
  adam.step(pass.backward(sum(square(models.fused(images, pass)))));
  outputs.push_back(output_of(models.fused, images));
  CHECK(agree(DType::float32));
  models.fused.parameters()[0].modify([](Tensor& kernel) { kernel.mutable_data<float>()[0] += 2; });
  outputs.push_back(output_of(models.fused, images));
  CHECK(agree(DType::float32));
  load_weights(models.fused, path);
  std::filesystem::remove(path);
  CHECK(identical(output_of(models.fused, images), outputs[0]));
  models.fused.convert(DType::float64);
  CHECK(agree(DType::float64));
  for (std::size_t i = 0; i + 1 < outputs.size(); ++i) CHECK_FALSE(identical(outputs[i], outputs[i + 1]));
  CHECK(identical(images, kept));
  const auto input = Input({4});
  const Model first(input, Activation(relu)(BatchNormalization()(input)));
  const Tensor x = Tensor::of({1, 4}, {-1, 2, -3, 4});
  output_of(first, x);
  CHECK(x.to_vector() == std::vector<double>{-1, 2, -3, 4});
}

TEST_CASE("messages name the layer and the layers fused with it") {
  Pair models = settled_block();
  Tensor images = Tensor::ones({2, 6, 6, 2});
  CHECK(error_of([&] { output_of(models.fused, images.to(DType::float64)); }) ==
        "Conv2D conv: conv2d: expected operands of one type, got float64 and float32; convert with .to()");
  for (const Parameter& parameter : models.fused.parameters()) {
    if (parameter.name() == "bn2/gamma") parameter.set_value(Tensor::full({4}, 3e38));
  }
  images.mutable_data<float>()[0] = 1e5F;  // so that some normalized values are above 2
  FiniteCheck finite;
  ForwardPass pass(Mode::training, {.observers = {&finite}});
  CHECK_THAT(error_of([&] { models.fused(images, pass); }),
             Catch::Contains("layer bn2 + sum + last, batch_norm: expected a finite"));
}

TEST_CASE("every op of fused layers is reported with the layers that it computes") {
  class Ops final : public Observer {
   public:
    void op_recorded(const ObservedOp& op, const Tensor&, const std::vector<Variable>&) override {
      text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", op.layer, op.name);
    }
    std::string text;
  };
  const auto ops = [](bool normalizes, const Shape& added, const ActivationFunction& function) {
    const auto image = Input({4, 4, 1}), other = Input({added[1], added[2], added[3]});
    auto x = Conv2D({.filters = 2, .kernel_size = 3, .name = "conv"})(image);
    if (normalizes) x = BatchNormalization({.name = "norm"})(x);
    const Model model({image, other}, Activation(function, {.name = "last"})(Add({.name = "sum"})({x, other})));
    Ops seen;
    ForwardPass pass(Mode::training, {.observers = {&seen}});
    model.call({Tensor::ones({2, 4, 4, 1}), Tensor::ones(added)}, pass);
    return seen.text;
  };
  const Shape same{2, 2, 2, 2}, broadcast{2, 1, 1, 2};
  CHECK(ops(false, same, relu) == "conv: conv2d, conv: add, sum + last: add, sum + last: relu");
  CHECK(ops(false, same, tanh) == "conv: conv2d, conv: add, sum: add, last: tanh");
  CHECK(ops(false, broadcast, relu) == "conv: conv2d, conv: add, sum + last: add, last: relu");
  CHECK(ops(false, broadcast, tanh) == "conv: conv2d, conv: add, sum: add, last: tanh");
  CHECK(ops(true, same, relu) == "conv: conv2d, norm + sum + last: batch_norm");
  CHECK(ops(true, same, tanh) == "conv: conv2d, norm + sum + last: batch_norm");
  CHECK(ops(true, broadcast, relu) == "conv: conv2d, norm: batch_norm, sum + last: add, last: relu");
  CHECK(ops(true, broadcast, tanh) == "conv: conv2d, norm: batch_norm, sum: add, last: tanh");
}

TEST_CASE("a custom function named relu is not fused as relu") {
  const auto input = Input({3});
  const ActivationFunction negated("relu", [](const Variable& x) { return -x; });
  const Model model(input, Activation(negated)(BatchNormalization({.epsilon = 1e-12})(input)));
  CHECK(output_of(model, Tensor::of({1, 3}, {1, 2, 3})).to_vector() == std::vector<double>{-1, -2, -3});
}

TEST_CASE("an error in a fused sum names the Add layer") {
  for (const bool normalized : {true, false}) {
    const auto image = Input({any, any, 1}), other = Input({any, any, 2});
    auto x = Conv2D({.filters = 2, .kernel_size = 3, .name = "conv"})(image);
    if (normalized) x = BatchNormalization({.name = "norm"})(x);
    const Model model({image, other}, Activation(relu)(Add({.name = "sum"})({x, other})));
    for (const Mode mode : {Mode::training, Mode::inference}) {
      ForwardPass pass(mode);
      CHECK(test::error_of([&] {
              model.call({Tensor::ones({1, 6, 6, 1}), Tensor::ones({1, 5, 5, 2})}, pass);
            }) == "Add sum: expected inputs of equal extents, or 1, got (1, 4, 4, 2) and (1, 5, 5, 2)");
    }
  }
}
