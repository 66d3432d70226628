#include "layers/convolution/conv2d.hpp"

#include "layers/convolution/window_outputs.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {

Conv2DLayer::Conv2DLayer(Options options) : ConvolutionLayer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
  check(options_.groups >= 1 && options_.filters % options_.groups == 0,
        "{}: expected a number of groups that divides the {} filters, got {}", title(), options_.filters.value,
        options_.groups);
}

std::vector<TensorSpec> Conv2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  if (x[2].known() && x[2].value() % options_.groups != 0) {
    reject(fmt::format("channels that {} groups divide", options_.groups), inputs);
  }
  const auto [height, width] = window_outputs(x, [&](const Shape& images) {
    return place_window(title(), images,
                        {.size = options_.kernel_size,
                         .strides = options_.strides,
                         .padding = options_.padding,
                         .dilation = options_.dilation_rate},
                        batch_shape_text(x));
  });
  return {{{height, width, options_.filters.value}}};
}

std::vector<ParameterSpec> Conv2DLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const Extent2D size = options_.kernel_size;
  const Extent channels = inputs[0].shape[2];
  const Extent group = channels.known() ? Extent(channels.value() / options_.groups) : channels;
  return kernel_and_bias(options_, {size.height, size.width, group, options_.filters.value});
}

Conv2DOptions Conv2DLayer::convolution() const {
  return {.strides = options_.strides,
          .padding = options_.padding,
          .dilation = options_.dilation_rate,
          .groups = options_.groups};
}

Variable Conv2DLayer::convolved(const Variable& x, ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  const auto packed = x.tracked() ? nullptr : pass.derived<PackedKernel>(parameter("kernel"));
  if (packed) return packed->conv2d(x.value(), convolution());
  return conv2d(x, kernel, convolution());
}

template class LayerHandle<Conv2DLayer>;

}  // namespace xtape
