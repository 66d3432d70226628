#include "layers/conv2d.hpp"

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/pooling.hpp"

namespace xtape {

Conv2DLayer::Conv2DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
}

Shape Conv2DLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs, 3);
  const kernels::Window window = place_window(title(), x.prepended(1),
                                              {.size = options_.kernel_size,
                                               .strides = options_.strides,
                                               .padding = options_.padding,
                                               .dilation = options_.dilation_rate},
                                              batch_shape_text(x));
  return {window.out_height, window.out_width, options_.filters};
}

std::vector<ParameterSpec> Conv2DLayer::parameter_specs(const std::vector<Shape>& inputs) const {
  const Extent2D size = options_.kernel_size;
  std::vector<ParameterSpec> specs{{"kernel",
                                    {size.height, size.width, inputs[0][2], options_.filters},
                                    options_.kernel_initializer,
                                    true,
                                    options_.kernel_regularizer}};
  if (options_.use_bias)
    specs.push_back({"bias", {options_.filters}, options_.bias_initializer, true, options_.bias_regularizer});
  return specs;
}

Conv2DOptions Conv2DLayer::convolution() const {
  return {.strides = options_.strides, .padding = options_.padding, .dilation = options_.dilation_rate};
}

Variable Conv2DLayer::convolved(const Variable& x, ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  const auto packed = x.tracked() ? nullptr : pass.derived<PackedKernel>(parameter("kernel"));
  if (packed) return packed->conv2d(x.value(), convolution());
  return conv2d(x, kernel, convolution());
}

Variable Conv2DLayer::pooled(const Variable& x, const WindowOptions& pooling, ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  if (!pools_at_once(x, kernel, convolution(), pooling)) return max_pool2d(convolved(x, pass), pooling);
  return conv2d_max_pool2d(x, kernel, convolution(), pooling);
}

/// activation(y + bias), and relu of it if there is one behind.
Variable Conv2DLayer::activated(const Variable& y, bool relu_behind, ForwardPass& pass) const {
  if (options_.activation.is(relu) || relu_behind) {
    return options_.use_bias ? add_relu(y, parameter(pass, "bias")) : relu(y);
  }
  return options_.activation(options_.use_bias ? y + parameter(pass, "bias") : y);
}

Variable Conv2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return activated(convolved(inputs.front(), pass), false, pass);
}

WithoutBias Conv2DLayer::call_without_bias(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  if (!options_.use_bias || !options_.activation.is(linear)) return {call(inputs, pass)};
  return {convolved(inputs.front(), pass), parameter(pass, "bias")};
}

/// Bias and relu come after the pooling, on fewer values: the largest x is also the largest relu(x + b).
Variable Conv2DLayer::call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  return activated(parts.max_pool ? pooled(x, *parts.max_pool, pass) : convolved(x, pass), parts.relu, pass);
}

template class LayerHandle<Conv2DLayer>;

}  // namespace xtape
