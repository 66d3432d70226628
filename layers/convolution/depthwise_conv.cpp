#include "layers/convolution/depthwise_conv.hpp"

#include "framework/ops/inference_epilogue.hpp"
#include "layers/convolution/window_outputs.hpp"

namespace xtape {
namespace {

template <int axes, class Options>
ParameterSpec depthwise_kernel(const PartialShape& x, const Options& options) {
  return {"depthwise_kernel",
          kernel_shape(Axes<axes>::extents(options.kernel_size), {x[-1], options.depth_multiplier}),
          options.depthwise_initializer,
          true,
          options.depthwise_regularizer,
          options.depthwise_constraint};
}

}  // namespace

template <int axes>
DepthwiseConvLayer<axes>::DepthwiseConvLayer(Options options)
    : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.depth_multiplier >= 1, "{}: expected depth_multiplier >= 1, got {}", title(),
        options_.depth_multiplier);
}

template <int axes>
std::vector<TensorSpec> DepthwiseConvLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  return {{window_outputs(x, x[-1] * options_.depth_multiplier, [&](const Shape& shape) {
    return window_extents(title(), shape, window_of<axes>(options_), batch_shape_text(x));
  })}};
}

template <int axes>
std::vector<ParameterSpec> DepthwiseConvLayer<axes>::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  std::vector<ParameterSpec> specs{depthwise_kernel<axes>(x, options_)};
  if (options_.use_bias) {
    specs.push_back({"bias",
                     {x[-1] * options_.depth_multiplier},
                     options_.bias_initializer,
                     true,
                     options_.bias_regularizer,
                     options_.bias_constraint});
  }
  return specs;
}

template <int axes>
Variable DepthwiseConvLayer<axes>::mapped(const Variable& x, ForwardPass& pass) const {
  return Axes<axes>::convolve_depthwise(x, parameter(pass, "depthwise_kernel"), convolution_of<axes>(options_));
}

template <int axes>
std::optional<InferenceConvolution> DepthwiseConvLayer<axes>::convolution_in(ForwardPass& pass) const {
  if constexpr (axes == 2) {
    const Variable kernel = parameter(pass, "depthwise_kernel");
    if (pass.records() || kernel.tracked()) return std::nullopt;
    const std::int64_t channels = kernel.dim(2);
    auto convolution = convolution_of<axes>(options_);
    convolution.groups = channels;
    return InferenceConvolution{kernel.value().reshaped({kernel.dim(0), kernel.dim(1), 1, channels * kernel.dim(3)}),
                                nullptr, convolution};
  }
  return std::nullopt;
}

template <int axes>
SeparableConvLayer<axes>::SeparableConvLayer(Options options)
    : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
  check(options_.depth_multiplier >= 1, "{}: expected depth_multiplier >= 1, got {}", title(),
        options_.depth_multiplier);
}

template <int axes>
std::vector<TensorSpec> SeparableConvLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  return {{window_outputs(x, options_.filters.value, [&](const Shape& shape) {
    return window_extents(title(), shape, window_of<axes>(options_), batch_shape_text(x));
  })}};
}

template <int axes>
std::vector<ParameterSpec> SeparableConvLayer<axes>::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  std::vector<ParameterSpec> specs{
      depthwise_kernel<axes>(x, options_),
      {"pointwise_kernel",
       kernel_shape(std::vector<std::int64_t>(axes, 1), {x[-1] * options_.depth_multiplier, options_.filters.value}),
       options_.pointwise_initializer, true, options_.pointwise_regularizer, options_.pointwise_constraint}};
  if (options_.use_bias) {
    specs.push_back({"bias",
                     {options_.filters.value},
                     options_.bias_initializer,
                     true,
                     options_.bias_regularizer,
                     options_.bias_constraint});
  }
  return specs;
}

template <int axes>
Variable SeparableConvLayer<axes>::mapped(const Variable& x, ForwardPass& pass) const {
  const Variable y =
      Axes<axes>::convolve_depthwise(x, parameter(pass, "depthwise_kernel"), convolution_of<axes>(options_));
  const Variable kernel = parameter(pass, "pointwise_kernel");
  const auto packed =
      y.tracked() ? nullptr : this->template derived<typename Axes<axes>::Packed>(pass, "pointwise_kernel");
  return packed ? Variable(Axes<axes>::convolve_packed(*packed, y.value(), {})) : Axes<axes>::convolve(y, kernel, {});
}

template class DepthwiseConvLayer<1>;
template class DepthwiseConvLayer<2>;
template class SeparableConvLayer<1>;
template class SeparableConvLayer<2>;
template class LayerHandle<DepthwiseConv1DLayer>;
template class LayerHandle<DepthwiseConv2DLayer>;
template class LayerHandle<SeparableConv1DLayer>;
template class LayerHandle<SeparableConv2DLayer>;

}  // namespace xtape
