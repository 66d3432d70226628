#include "layers/convolution/depthwise_conv2d.hpp"

#include "layers/convolution/window_outputs.hpp"

namespace xtape {
namespace {

/// Height and width after the depthwise convolution. `options` has the kernel_size and the other fields of the window.
template <class Options>
std::array<Extent, 2> depthwise_outputs(const Layer& layer, const PartialShape& x, const Options& options) {
  return window_outputs(x, [&](const Shape& images) {
    return place_window(layer.title(), images,
                        {.size = options.kernel_size,
                         .strides = options.strides,
                         .padding = options.padding,
                         .dilation = options.dilation_rate},
                        batch_shape_text(x));
  });
}

template <class Options>
ParameterSpec depthwise_kernel(const PartialShape& x, const Options& options) {
  return {"depthwise_kernel",
          {options.kernel_size.height, options.kernel_size.width, x[2], options.depth_multiplier},
          options.depthwise_initializer,
          true,
          options.depthwise_regularizer,
          options.depthwise_constraint};
}

template <class Options>
Conv2DOptions convolution_of(const Options& options) {
  return {.strides = options.strides, .padding = options.padding, .dilation = options.dilation_rate};
}

}  // namespace

DepthwiseConv2DLayer::DepthwiseConv2DLayer(Options options)
    : ConvolutionLayer(options.name), options_(std::move(options)) {
  check(options_.depth_multiplier >= 1, "{}: expected depth_multiplier >= 1, got {}", title(),
        options_.depth_multiplier);
}

std::vector<TensorSpec> DepthwiseConv2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  const auto [height, width] = depthwise_outputs(*this, x, options_);
  return {{{height, width, x[2] * options_.depth_multiplier}}};
}

std::vector<ParameterSpec> DepthwiseConv2DLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  std::vector<ParameterSpec> specs{depthwise_kernel(x, options_)};
  if (options_.use_bias) {
    specs.push_back({"bias",
                     {x[2] * options_.depth_multiplier},
                     options_.bias_initializer,
                     true,
                     options_.bias_regularizer,
                     options_.bias_constraint});
  }
  return specs;
}

Variable DepthwiseConv2DLayer::convolved(const Variable& x, ForwardPass& pass) const {
  return depthwise_conv2d(x, parameter(pass, "depthwise_kernel"), convolution_of(options_));
}

SeparableConv2DLayer::SeparableConv2DLayer(Options options)
    : ConvolutionLayer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
  check(options_.depth_multiplier >= 1, "{}: expected depth_multiplier >= 1, got {}", title(),
        options_.depth_multiplier);
}

std::vector<TensorSpec> SeparableConv2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  const auto [height, width] = depthwise_outputs(*this, x, options_);
  return {{{height, width, options_.filters.value}}};
}

std::vector<ParameterSpec> SeparableConv2DLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  std::vector<ParameterSpec> specs{depthwise_kernel(x, options_),
                                   {"pointwise_kernel",
                                    {1, 1, x[2] * options_.depth_multiplier, options_.filters.value},
                                    options_.pointwise_initializer,
                                    true,
                                    options_.pointwise_regularizer,
                                    options_.pointwise_constraint}};
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

Variable SeparableConv2DLayer::convolved(const Variable& x, ForwardPass& pass) const {
  const Variable y = depthwise_conv2d(x, parameter(pass, "depthwise_kernel"), convolution_of(options_));
  const Variable kernel = parameter(pass, "pointwise_kernel");
  const auto packed = y.tracked() ? nullptr : pass.derived<PackedKernel>(parameter("pointwise_kernel"));
  return packed ? Variable(packed->conv2d(y.value(), {})) : conv2d(y, kernel);
}

template class LayerHandle<DepthwiseConv2DLayer>;
template class LayerHandle<SeparableConv2DLayer>;

}  // namespace xtape
