// The fusion table. A new fusion needs an op, a row here, and a test in tests/models/fusion_test.cpp.
#include <algorithm>
#include <limits>
#include <optional>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/normalized_convolution.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/pooling.hpp"
#include "layers/convolution/conv.hpp"
#include "layers/convolution/depthwise_conv.hpp"
#include "layers/convolution/pooling.hpp"
#include "layers/core/activation.hpp"
#include "layers/core/rectifiers.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/shape/merge.hpp"
#include "models/graph/fusion.hpp"

namespace xtape {
namespace {

template <class Definition>
bool is_a(const Layer& layer) {
  return dynamic_cast<const Definition*>(&layer) != nullptr;
}

bool is_linear_convolution(const Layer& layer) {
  const auto* convolution = dynamic_cast<const ConvolutionLayer*>(&layer);
  return convolution && convolution->activation() == linear;
}

bool is_rectified_convolution(const Layer& layer) {
  const auto* convolution = dynamic_cast<const Conv2DLayer*>(&layer);
  return convolution && (convolution->options().activation == linear || convolution->options().activation == relu);
}

bool is_relu(const Layer& layer) {
  const auto* activation = dynamic_cast<const ActivationLayer*>(&layer);
  return activation && activation->options().function.value == relu;
}

/// The largest output of a layer that computes relu, or min(relu(x), limit); nothing for other layers.
std::optional<double> relu_limit(const Layer& layer) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  if (const auto* activation = dynamic_cast<const ActivationLayer*>(&layer)) {
    if (activation->options().function.value == relu) return unlimited;
    if (activation->options().function.value == relu6) return 6;
  }
  if (const auto* rectifier = dynamic_cast<const ReLULayer*>(&layer)) {
    const auto& options = rectifier->options();
    const double limit = options.max_value.value_or(unlimited);
    if (options.negative_slope == 0 && options.threshold == 0 && limit > 0) return limit;
  }
  return std::nullopt;
}

bool is_limited_relu(const Layer& layer) { return relu_limit(layer).has_value(); }

/// The kernel and the options of a convolution of images, as conv2d takes them.
struct Convolution2D {
  Variable kernel;
  std::shared_ptr<const PackedKernel> packed;
  Conv2DOptions options;
};

/// Nothing for other layers.
std::optional<Convolution2D> convolution_of_images(const Layer& layer, ForwardPass& pass) {
  if (const auto* full = dynamic_cast<const Conv2DLayer*>(&layer)) {
    return Convolution2D{full->parameter(pass, "kernel"), full->derived<PackedKernel>(pass, "kernel"),
                         full->convolution()};
  }
  if (const auto* depthwise = dynamic_cast<const DepthwiseConv2DLayer*>(&layer)) {
    const Variable kernel = depthwise->parameter(pass, "depthwise_kernel");
    const std::int64_t channels = kernel.dim(2);
    const auto& o = depthwise->options();
    return Convolution2D{reshape(kernel, {kernel.dim(0), kernel.dim(1), 1, channels * kernel.dim(3)}),
                         nullptr,
                         {.strides = o.strides, .padding = o.padding, .dilation = o.dilation_rate, .groups = channels}};
  }
  return std::nullopt;
}

/// The same as normalize() in inference, where parts of the output of the convolution are normalized while they are in
/// the cache. Nothing where that is not possible.
std::optional<Variable> normalize_in_cache(FusedCall& call, const BatchNormFusion& fused, ForwardPass& pass) {
  const Variable& x = call.inputs.front();
  if (!call.layers[0] || pass.mode() != Mode::inference || pass.records() || x.rank() != 4) return std::nullopt;
  const auto convolution = convolution_of_images(*call.layers[0], pass);
  if (!convolution) return std::nullopt;
  const auto& normalization = *call.layer<BatchNormalizationLayer>(1);
  const auto [gamma, beta] = normalization.scale_and_shift({convolution->kernel.dim(3)}, x.dtype(), pass);
  const std::optional<Variable> bias = call.layer<ConvolutionLayer>(0)->bias(pass);
  const auto tracked = [](const std::optional<Variable>& v) { return v && v->tracked(); };
  if (tracked(x) || tracked(convolution->kernel) || tracked(gamma) || tracked(beta) || tracked(bias) ||
      tracked(fused.residual)) {
    return std::nullopt;
  }
  const auto [mean, variance] = normalization.inference_statistics();
  const auto value = [](const std::optional<Variable>& v) { return v ? v->value() : Tensor(); };
  call.enter(0, 3, pass);
  auto y = normalized_conv2d(x.value(), convolution->kernel.value(), convolution->packed.get(), convolution->options,
                             {.gamma = gamma.value(),
                              .beta = beta.value(),
                              .mean = mean,
                              .variance = variance,
                              .epsilon = normalization.options().epsilon,
                              .bias = value(bias),
                              .residual = value(fused.residual),
                              .relu = fused.relu,
                              .max_value = fused.max_value});
  if (!y) return std::nullopt;
  return Variable(std::move(*y));
}

/// min(relu(norm(conv(x) + bias) + residual), limit). The normalization handles the bias, so that no separate op adds
/// it.
Variable normalize(FusedCall& call, ForwardPass& pass) {
  const Layer* const rectifier = call.layers[3];
  BatchNormFusion fused{.residual = call.residual, .relu = rectifier != nullptr};
  if (rectifier) fused.max_value = relu_limit(*rectifier).value();
  if (const auto y = normalize_in_cache(call, fused, pass)) return *y;
  Variable x = std::move(call.inputs.front());
  if (const auto* convolution = call.layer<ConvolutionLayer>(0)) {
    call.enter(0, 0, pass);
    x = convolution->convolved(x, pass);
    fused.bias = convolution->bias(pass);
  }
  call.enter(1, 3, pass);
  const auto& normalization = *call.layer<BatchNormalizationLayer>(1);
  if (call.residual && call.residual->shape() != x.shape()) {  // a sum that broadcasts
    const Variable y = normalization.normalized(std::move(x), {.bias = fused.bias}, pass);
    call.current = call.layers[2];
    const std::vector<Variable> sum = call.layers[2]->call({y, *call.residual}, pass);
    return rectifier ? rectifier->call(sum, pass).front() : sum.front();
  }
  return normalization.normalized(std::move(x), fused, pass);
}

/// relu(max_pool(conv(x)) + bias). Adding the bias and applying relu after the pooling gives the same result, because
/// they do not change which value is the largest, and there are fewer values.
Variable pool_convolution(FusedCall& call, ForwardPass& pass) {
  call.enter(0, 2, pass);
  const auto& convolution = *call.layer<Conv2DLayer>(0);
  const WindowOptions pooling = call.layer<MaxPooling2DLayer>(2)->window();
  const Variable& x = call.inputs.front();
  const Variable kernel = convolution.parameter(pass, "kernel");
  const Variable y = pools_at_once(x, kernel, convolution.convolution(), pooling)
                         ? conv2d_max_pool2d(x, kernel, convolution.convolution(), pooling)
                         : max_pool2d(convolution.convolved(x, pass), pooling);
  return activated(y, convolution.bias(pass),
                   call.layers[1] ? ActivationFunction(relu) : convolution.options().activation);
}

/// relu(conv(x) + bias)
Variable rectify_convolution(FusedCall& call, ForwardPass& pass) {
  call.enter(0, 1, pass);
  const auto& convolution = *call.layer<ConvolutionLayer>(0);
  return activated(convolution.convolved(call.inputs.front(), pass), convolution.bias(pass), relu);
}

/// relu(a + b + ...)
Variable rectify_sum(FusedCall& call, ForwardPass& pass) {
  call.enter(0, 1, pass);
  const Variable last = call.inputs.back();
  const bool broadcast =
      std::ranges::any_of(call.inputs, [&](const Variable& input) { return input.shape() != last.shape(); });
  if (broadcast) return relu(call.layers[0]->call(call.inputs, pass).front());
  call.inputs.pop_back();
  return add_relu(call.layers[0]->call(call.inputs, pass).front(), last);
}

}  // namespace

const std::vector<FusionRule>& fusion_rules() {
  constexpr bool optional = true, has_value = true;
  static const std::vector<FusionRule> rules{
      {{{is_linear_convolution, optional, has_value},
        {is_a<BatchNormalizationLayer>},
        {is_a<AddLayer>, optional},
        {is_limited_relu, optional}},
       normalize},
      {{{is_rectified_convolution}, {is_relu, optional}, {is_a<MaxPooling2DLayer>}}, pool_convolution},
      {{{is_linear_convolution}, {is_relu}}, rectify_convolution},
      {{{is_a<AddLayer>}, {is_relu}}, rectify_sum},
  };
  return rules;
}

}  // namespace xtape
