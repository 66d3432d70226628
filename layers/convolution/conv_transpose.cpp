#include "layers/convolution/conv_transpose.hpp"

#include <algorithm>

#include "layers/convolution/window_outputs.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {
namespace {

/// The extent of the output along one axis (keras/src/backend/common/backend_utils.py).
std::int64_t output_extent(std::int64_t input, std::int64_t size, std::int64_t stride, std::int64_t dilation, bool same,
                           std::optional<std::int64_t> padding) {
  const std::int64_t span = (size - 1) * dilation + 1;
  if (!same) return (input - 1) * stride + span + padding.value_or(std::max(span, stride) - span);
  if (!padding) return input * stride;
  return (input - 1) * stride + span % 2 + *padding;
}

}  // namespace

template <int axes>
ConvTransposeLayer<axes>::ConvTransposeLayer(Options options)
    : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.filters >= 1, "{}: expected filters >= 1, got {}", title(), options_.filters.value);
  bool allowed = !Axes<axes>::is_explicit(options_.padding);
  if constexpr (axes == 1) allowed = allowed && !options_.padding.is_causal();
  check(allowed, "{}: expected padding valid or same, got {}; crop the output instead", title(),
        Axes<axes>::is_explicit(options_.padding) ? "amounts" : "causal");
  const auto size = Axes<axes>::extents(options_.kernel_size), strides = Axes<axes>::extents(options_.strides);
  const auto rates = Axes<axes>::extents(options_.dilation_rate);
  const auto positive = [](std::int64_t extent) { return extent >= 1 && extent < std::int64_t{1} << 31; };
  for (const auto& [what, extents] : {std::pair("kernel_size", size), {"strides", strides}, {"dilation_rate", rates}}) {
    check(std::ranges::all_of(extents, positive), "{}: expected {} from 1 to 2^31 - 1, got ({})", title(), what,
          fmt::join(extents, ", "));
  }
  if (!options_.output_padding) return;
  const auto padding = Axes<axes>::extents(*options_.output_padding);
  const bool fits = std::ranges::all_of(padding, [](std::int64_t amount) { return amount >= 0; }) &&
                    std::ranges::equal(padding, strides, std::less());
  check(fits, "{}: expected output_padding of 0 or more and less than the strides ({}), got ({})", title(),
        fmt::join(strides, ", "), fmt::join(padding, ", "));
}

template <int axes>
std::vector<std::int64_t> ConvTransposeLayer<axes>::output_extents(const std::vector<std::int64_t>& inputs) const {
  const auto size = Axes<axes>::extents(options_.kernel_size), strides = Axes<axes>::extents(options_.strides);
  const auto rates = Axes<axes>::extents(options_.dilation_rate);
  std::vector<std::int64_t> outputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::optional<std::int64_t> padding;
    if (options_.output_padding) padding = Axes<axes>::extents(*options_.output_padding)[i];
    outputs.push_back(output_extent(inputs[i], size[i], strides[i], rates[i], options_.padding.is_same(), padding));
  }
  return outputs;
}

template <int axes>
std::vector<TensorSpec> ConvTransposeLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  return {{window_outputs(x, options_.filters.value, [&](const Shape& shape) {
    const std::vector<std::int64_t> extents(shape.begin() + 1, shape.end() - 1);
    if (std::ranges::any_of(extents, [](std::int64_t extent) { return extent < 1; })) {
      reject("at least one element on each axis", inputs);
    }
    std::vector<std::int64_t> outputs = output_extents(extents);
    // With same padding and output padding, some outputs have a convolution of another size than the input.
    std::vector<std::int64_t> images{1};
    for (const std::int64_t extent : outputs) images.push_back(std::max<std::int64_t>(extent, 1));
    images.push_back(1);
    const auto back = window_extents(title(), Shape(images), window_of<axes>(options_), batch_shape_text(x));
    check(back == extents && std::ranges::min(outputs) >= 1,
          "{}: expected an output_padding whose output ({}) is convolved to ({}), got one with ({}); leave it out",
          title(), fmt::join(outputs, ", "), fmt::join(extents, ", "), fmt::join(back, ", "));
    return outputs;
  })}};
}

template <int axes>
std::vector<ParameterSpec> ConvTransposeLayer<axes>::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const Extent filters = options_.filters.value;
  return kernel_and_bias(
      options_, kernel_shape(Axes<axes>::extents(options_.kernel_size), {filters, inputs[0].shape[-1]}), filters);
}

template <int axes>
Extent ConvTransposeLayer<axes>::kernel_positions(const PartialShape& output) const {
  return LinearMapLayer::kernel_positions(window_outputs(output, output[-1], [&](const Shape& shape) {
    return window_extents(title(), shape, window_of<axes>(options_));
  }));
}

template <int axes>
Variable ConvTransposeLayer<axes>::mapped(const Variable& x, ForwardPass& pass) const {
  const Shape& shape = x.shape();
  std::vector<std::int64_t> outputs = output_extents({shape.begin() + 1, shape.end() - 1});
  outputs.insert(outputs.begin(), shape[0]);
  outputs.push_back(options_.filters);
  return Axes<axes>::convolve_transposed(x, parameter(pass, "kernel"), Shape(outputs), convolution_of<axes>(options_));
}

template class ConvTransposeLayer<1>;
template class ConvTransposeLayer<2>;
template class ConvTransposeLayer<3>;
template class LayerHandle<Conv1DTransposeLayer>;
template class LayerHandle<Conv2DTransposeLayer>;
template class LayerHandle<Conv3DTransposeLayer>;

}  // namespace xtape
