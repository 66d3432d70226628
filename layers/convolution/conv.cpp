#include "layers/convolution/conv.hpp"

#include "framework/ops/inference_epilogue.hpp"
#include "layers/convolution/window_outputs.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {

template <int axes>
ConvLayer<axes>::ConvLayer(Options options) : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
  check(options_.groups >= 1 && options_.filters % options_.groups == 0,
        "{}: expected a number of groups that divides the {} filters, got {}", title(), options_.filters.value,
        options_.groups);
}

template <int axes>
std::vector<TensorSpec> ConvLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  if (x[-1].known() && x[-1].value() % options_.groups != 0) {
    reject(fmt::format("channels that {} groups divide", options_.groups), inputs);
  }
  return {{window_outputs(x, options_.filters.value, [&](const Shape& shape) {
    return window_extents(title(), shape, window_of<axes>(options_), batch_shape_text(x));
  })}};
}

template <int axes>
std::vector<ParameterSpec> ConvLayer<axes>::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const Extent group = inputs[0].shape[-1] / options_.groups;
  return kernel_and_bias(options_,
                         kernel_shape(Axes<axes>::extents(options_.kernel_size), {group, options_.filters.value}));
}

template <int axes>
typename Axes<axes>::Convolution ConvLayer<axes>::convolution() const {
  auto convolution = convolution_of<axes>(options_);
  convolution.groups = options_.groups;
  return convolution;
}

template <int axes>
Variable ConvLayer<axes>::mapped(const Variable& x, ForwardPass& pass) const {
  using Packed = typename Axes<axes>::Packed;
  const Variable kernel = parameter(pass, "kernel");
  const auto packed = x.tracked() ? nullptr : derived<Packed>(pass, "kernel");
  if (packed) return Axes<axes>::convolve_packed(*packed, x.value(), convolution());
  return Axes<axes>::convolve(x, kernel, convolution());
}

template <int axes>
std::optional<InferenceConvolution> ConvLayer<axes>::convolution_in(ForwardPass& pass) const {
  if constexpr (axes == 2) {
    const Variable kernel = parameter(pass, "kernel");
    if (pass.records() || kernel.tracked()) return std::nullopt;
    return InferenceConvolution{kernel.value(), derived<PackedKernel>(pass, "kernel"), convolution()};
  }
  return std::nullopt;
}

template class ConvLayer<1>;
template class ConvLayer<2>;
template class ConvLayer<3>;
template class LayerHandle<Conv1DLayer>;
template class LayerHandle<Conv2DLayer>;
template class LayerHandle<Conv3DLayer>;

}  // namespace xtape
