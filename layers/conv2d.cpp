#include "layers/conv2d.hpp"

#include "framework/ops/arithmetic.hpp"

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

Variable Conv2DLayer::convolved(const Variable& x, ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  const Conv2DOptions options{
      .strides = options_.strides, .padding = options_.padding, .dilation = options_.dilation_rate};
  if (pass.cache() && !x.tracked() && !kernel.tracked()) {
    return pass.cache()->of<KernelCache>(parameter("kernel")).conv2d(x.value(), kernel.value(), options);
  }
  return conv2d(x, kernel, options);
}

Variable Conv2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable y = convolved(inputs.front(), pass);
  if (!options_.use_bias) return options_.activation(y);
  if (options_.activation.is(relu)) return add_relu(y, parameter(pass, "bias"));
  return options_.activation(y + parameter(pass, "bias"));
}

WithoutBias Conv2DLayer::call_without_bias(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  if (!options_.use_bias || !options_.activation.is(linear)) return {call(inputs, pass)};
  return {convolved(inputs.front(), pass), parameter(pass, "bias")};
}

Variable Conv2DLayer::call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const {
  if (!parts.relu) return call(inputs, pass);
  return add_relu(convolved(inputs.front(), pass), parameter(pass, "bias"));
}

}  // namespace xtape
