// The types and ops of convolution and pooling layers on sequences (1 axis), images (2 axes) and volumes (3 axes).
// Internal to layers/.
#pragma once

#include <string>
#include <vector>

#include "framework/ops/convolution_1d_3d.hpp"
#include "framework/ops/pooling_1d_3d.hpp"

namespace xtape {

/// The types and ops for `axes` axes between the batch and the channels. Sizes are counted in steps of a sequence, or
/// in pixels.
template <int axes>
struct Axes;

template <>
struct Axes<1> {
  using Size = std::int64_t;
  using Padding = Padding1D;
  using Window = WindowOptions1D;
  using Convolution = Conv1DOptions;
  using Packed = PackedKernel1D;
  static std::vector<std::int64_t> extents(Size size) { return {size}; }
  static Size size(const std::vector<std::int64_t>& extents) { return extents[0]; }
  static bool is_explicit(const Padding& padding) { return padding.before() != 0 || padding.after() != 0; }
  static constexpr auto& convolve = conv1d;
  static constexpr auto& convolve_depthwise = depthwise_conv1d;
  static constexpr auto& convolve_transposed = conv1d_input_gradient;
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv1d(x, options);
  }
  static constexpr auto& max_pool = max_pool1d;
  static constexpr auto& average_pool = average_pool1d;
  static constexpr auto& global_max_pool = global_max_pool1d;
  static constexpr auto& global_average_pool = global_average_pool1d;
};

template <>
struct Axes<2> {
  using Size = Extent2D;
  using Padding = xtape::Padding;
  using Window = WindowOptions;
  using Convolution = Conv2DOptions;
  using Packed = PackedKernel;
  static std::vector<std::int64_t> extents(Size size) { return {size.height, size.width}; }
  static Size size(const std::vector<std::int64_t>& extents) { return {extents[0], extents[1]}; }
  static bool is_explicit(const Padding& padding) { return padding.amounts() != Padding::valid.amounts(); }
  static constexpr auto& convolve = conv2d;
  static constexpr auto& convolve_depthwise = depthwise_conv2d;
  static constexpr auto& convolve_transposed = conv2d_input_gradient;
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv2d(x, options);
  }
  static constexpr auto& max_pool = max_pool2d;
  static constexpr auto& average_pool = average_pool2d;
  static constexpr auto& global_max_pool = global_max_pool2d;
  static constexpr auto& global_average_pool = global_average_pool2d;
};

template <>
struct Axes<3> {
  using Size = Extent3D;
  using Padding = Padding3D;
  using Window = WindowOptions3D;
  using Convolution = Conv3DOptions;
  using Packed = PackedKernel3D;
  static std::vector<std::int64_t> extents(Size size) { return {size.depth, size.height, size.width}; }
  static Size size(const std::vector<std::int64_t>& extents) { return {extents[0], extents[1], extents[2]}; }
  static bool is_explicit(const Padding& padding) {
    return Axes<2>::is_explicit(padding.depth()) || Axes<2>::is_explicit(padding.plane());
  }
  static constexpr auto& convolve = conv3d;
  static constexpr auto& convolve_transposed = conv3d_input_gradient;
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv3d(x, options);
  }
  static constexpr auto& max_pool = max_pool3d;
  static constexpr auto& average_pool = average_pool3d;
  static constexpr auto& global_max_pool = global_max_pool3d;
  static constexpr auto& global_average_pool = global_average_pool3d;
};

/// The window of a convolution layer. `options` has kernel_size, strides, padding and dilation_rate.
template <int axes, class Options>
typename Axes<axes>::Window window_of(const Options& options) {
  return {.size = options.kernel_size,
          .strides = options.strides,
          .padding = options.padding,
          .dilation = options.dilation_rate};
}

/// The strides, the padding and the dilation rate of a convolution layer, as the ops take them, for one group.
template <int axes, class Options>
typename Axes<axes>::Convolution convolution_of(const Options& options) {
  return {.strides = options.strides, .padding = options.padding, .dilation = options.dilation_rate};
}

}  // namespace xtape
