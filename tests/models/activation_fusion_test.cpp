// A linear map with batch normalization, a residual and any activation function, fused and as separate layers.

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "tests/models/fused_pair.hpp"
#include "tests/models/one_step.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::convolution;
using xtape::test::FusedPair;
using xtape::test::KernelSettings;
using xtape::test::one_step;
using xtape::test::OneStep;
using xtape::test::output_of;

namespace {

using GraphStep = std::function<SymbolicTensor(const SymbolicTensor&)>;

/// Every layer that applies a function to each element.
std::vector<GraphStep> activations() {
  std::vector<GraphStep> all;
  [&]<class... F>(std::type_identity<std::tuple<F...>>) {
    (all.push_back([](const SymbolicTensor& x) { return Activation(F())(x); }), ...);
  }(std::type_identity<BuiltinActivations>());
  all.push_back([](const SymbolicTensor& x) { return ReLU({.negative_slope = 0.1, .threshold = 0.2})(x); });
  all.push_back([](const SymbolicTensor& x) { return ReLU({.max_value = 0.5})(x); });
  all.push_back([](const SymbolicTensor& x) { return LeakyReLU()(x); });
  all.push_back([](const SymbolicTensor& x) { return ELU({.alpha = 0.7})(x); });
  return all;
}

/// Linear maps of images with 16 channels, by every method of convolution.
std::vector<GraphStep> maps() {
  const auto depthwise = [](std::int64_t multiplier) {
    return [multiplier](const SymbolicTensor& x) {
      return DepthwiseConv2D({.kernel_size = 3,
                              .padding = Padding::same,
                              .depth_multiplier = multiplier,
                              .bias_initializer = he_normal()})(x);
    };
  };
  return {[](const SymbolicTensor& x) { return convolution(40, 1)(x); },
          [](const SymbolicTensor& x) { return convolution(700, 1, 1, false)(x); },
          [](const SymbolicTensor& x) { return convolution(24, 3)(x); },
          [](const SymbolicTensor& x) { return convolution(8, 3)(convolution(5, 1)(x)); },
          [](const SymbolicTensor& x) { return convolution(32, 3, 4)(x); },
          depthwise(1),
          depthwise(2),
          [](const SymbolicTensor& x) { return Dense({.units = 33, .bias_initializer = he_normal()})(x); }};
}

/// The output of one map, and of a second map with the same extents, as the residual.
SymbolicTensor chain(const SymbolicTensor& input, const GraphStep& map, bool normalized, bool residual,
                     const GraphStep& activation) {
  SymbolicTensor x = map(input);
  if (normalized) x = BatchNormalization({.momentum = 0.5})(x);
  if (residual) x = Add()({x, map(input)});
  return activation(x);
}

void settle(const Model& model, const Shape& shape) {
  for (int i = 0; i < 2; ++i) {
    ForwardPass pass(Mode::recalibration);
    model(RandomStream(9).normal(shape, 1, 2), pass);
    pass.commit();
  }
}

}  // namespace

TEST_CASE("a linear map and every activation have the bits of separate layers in inference") {
  const std::vector<GraphStep> functions = activations(), all_maps = maps();
  for (std::size_t f = 0; f < functions.size(); ++f) {
    for (std::size_t m = 0; m < all_maps.size(); ++m) {
      for (const int parts : {0, 1, 2, 3}) {
        if (parts == 2 && f % 4 != m % 4) continue;  // a part of the pairs suffices
        const auto input = Input({any, any, 16});
        FusedPair models(input, chain(input, all_maps[m], parts & 1, parts & 2, functions[f]));
        settle(models.fused, {2, 6, 7, 16});
        const Tensor images = RandomStream(5).normal({2, 9, 8, 16}, 0, 2);
        INFO("function " << f << ", map " << m << ", parts " << parts);
        CHECK(identical(output_of(models.fused, images), output_of(models.plain, images)));
        models.fused.convert(DType::float64);
        const Tensor precise = images.to(DType::float64);
        CHECK(identical(output_of(models.fused, precise), output_of(models.plain, precise)));
      }
    }
  }
}

TEST_CASE("training with batch normalization and every activation has the bits of separate layers") {
  // without a bias: it cancels in the normalization, and separate layers round their sum with it
  const std::vector<GraphStep> functions = activations(),
                               unbiased{[](const SymbolicTensor&x) { return convolution(40, 1, 1, false)(x); },
                                        [](const SymbolicTensor&x) {
                                          return DepthwiseConv2D({.kernel_size = 3, .use_bias = false})(x);
                                        }};
  for (std::size_t f = 0; f < functions.size(); ++f) {
    for (const bool residual : {false, true}) {
      for (const DType dtype : {DType::float32, DType::float64}) {
        const auto input = Input({6, 5, 16});
        FusedPair models(input, chain(input, unbiased[f % 2], true, residual, functions[f]));
        models.fused.convert(dtype);
        const Tensor images = RandomStream(5).normal({3, 6, 5, 16}, 0, 2, dtype);
        INFO("function " << f << ", residual " << residual << ", " << static_cast<int>(dtype));
        for (const Mode mode : {Mode::training, Mode::inference}) {
          const PassOptions options{.record = true, .seed = 3, .step = 5};
          const OneStep a = one_step(models.fused, images, options, mode),
                        b = one_step(models.plain, images, options, mode);
          CHECK(identical(a.output, b.output));
          CHECK(identical(a.input_gradient, b.input_gradient));
          const std::vector<Parameter> parameters = models.fused.parameters(), others = models.plain.parameters();
          for (std::size_t i = 0; i < parameters.size(); ++i) {
            const auto j = static_cast<std::size_t>(std::ranges::find(others, parameters[i]) - others.begin());
            INFO(parameters[i].name());
            CHECK(identical(a.gradients[i], b.gradients[j]));
            CHECK(identical(a.state[i], b.state[j]));
          }
        }
      }
    }
  }
}

TEST_CASE("the activation option of a layer has the bits of separate ops") {
  const Tensor images = RandomStream(5).normal({2, 9, 8, 3}, 0, 2);
  const auto conv = Conv2D({.filters = 9, .kernel_size = 3, .activation = silu, .bias_initializer = he_normal()});
  const auto depthwise = DepthwiseConv2D({.kernel_size = 2, .activation = gelu, .bias_initializer = he_normal()});
  const auto dense = Dense({.units = 5, .activation = elu, .bias_initializer = he_normal()});
  const auto input = Input({9, 8, 3});
  const Model model(std::vector{input}, {conv(input), depthwise(input), dense(input)});
  ForwardPass pass(Mode::inference);
  const auto outputs = model.call({images}, pass);
  std::vector<Variable> p;
  for (const Parameter& parameter : model.parameters()) p.push_back(parameter.value());
  CHECK(identical(outputs[0].value(), silu(conv2d(images, p[0]) + p[1]).value()));
  CHECK(identical(outputs[1].value(), gelu(depthwise_conv2d(images, p[2]) + p[3]).value()));
  CHECK(identical(outputs[2].value(), elu(matmul(images, p[4]) + p[5]).value()));
}

/// An expansion, a depthwise convolution and a projection.
SymbolicTensor block(const SymbolicTensor& input, const DepthwiseConv2D& depthwise, bool residual) {
  const auto normalized = [](const SymbolicTensor& x) { return BatchNormalization({.momentum = 0.5})(x); };
  auto x = Activation(relu6)(normalized(convolution(96, 1, 1, false)(input)));
  x = Activation(silu)(normalized(depthwise(x)));
  x = normalized(convolution(16, 1)(x));
  return residual ? Add()({x, input}) : x;
}

TEST_CASE("convolutions that are computed in bands of rows have the bits of separate layers") {
  const auto depthwise = [](Extent2D size, Extent2D strides, const Padding& padding, Extent2D dilation) {
    return DepthwiseConv2D(
        {.kernel_size = size, .strides = strides, .padding = padding, .dilation_rate = dilation, .use_bias = false});
  };
  const auto input = Input({any, any, 3});
  auto x = Conv2D({.filters = 32, .kernel_size = 3, .strides = 2, .padding = Padding::same})(input);  // strips
  x = Conv2D({.filters = 16})(Activation(relu)(depthwise(3, 1, Padding::same, 1)(x)));
  x = block(x, depthwise(3, 1, Padding::same, 1), true);
  x = block(x, depthwise({5, 3}, 1, Padding::same, {1, 2}), true);
  x = block(x, depthwise(3, 1, Padding::same, {3, 1}), true);
  x = Activation(gelu)(block(x, depthwise(3, 2, Padding{0, 1, 0, 1}, 1), false));
  x = block(x, depthwise(1, 3, Padding::valid, 1), false);       // rows that nothing reads
  x = block(x, depthwise(2, 1, Padding{3, 3, 2, 2}, 1), false);  // rows of padding alone
  x = convolution(24, 3)(x);                                     // Winograd's method
  x = convolution(16, 1)(DepthwiseConv2D({.kernel_size = 3, .depth_multiplier = 2})(x));
  FusedPair models(input, x);
  settle(models.fused, {2, 65, 60, 3});
  for (const Shape& shape : {Shape{1, 130, 250, 3}, Shape{5, 97, 120, 3}, Shape{2, 31, 33, 3}}) {
    const Tensor images = RandomStream(5).normal(shape);
    const Tensor expected = output_of(models.plain, images);
    for (const int threads : {1, 2, 3, 8}) {  // parts of an image with few, one and no rows of their own
      const KernelSettings scope(threads);
      CHECK(identical(output_of(models.fused, images), expected));
    }
  }
  models.fused.convert(DType::float64);
  const Tensor images = RandomStream(5).normal({4, 97, 120, 3}, 0, 1, DType::float64);
  CHECK(identical(output_of(models.fused, images), output_of(models.plain, images)));
}

TEST_CASE("bands of convolutions with the largest strides have the bits of separate layers") {
  constexpr std::int64_t stride = std::int64_t{1} << 30;
  const auto input = Input({7, 16, 3});
  auto x = Activation(relu)(Conv2D({.filters = 16})(input));
  x = Activation(relu)(DepthwiseConv2D({.kernel_size = 1, .strides = {stride, 1}})(x));
  x = Activation(relu)(Conv2D({.filters = 4, .strides = {stride, 1}})(x));
  const FusedPair models(input, x);
  const Tensor images = RandomStream(5).normal({1, 7, 16, 3});
  CHECK(identical(output_of(models.fused, images), output_of(models.plain, images)));
}
