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

/// The types and ops for sequences.
template <>
struct Axes<1> {
  /// A number for each axis.
  using Size = std::int64_t;
  /// Padding for each axis.
  using Padding = Padding1D;
  /// Padding by one element at each border.
  static constexpr Padding one_each{1, 1};
  /// Options of a pooling.
  using Window = WindowOptions1D;
  /// Options of a convolution.
  using Convolution = Conv1DOptions;
  /// A kernel that inference packs once.
  using Packed = PackedKernel1D;
  /// The numbers of a size.
  static std::vector<std::int64_t> extents(Size size) { return {size}; }
  /// Whether amounts of padding are given.
  static bool is_explicit(const Padding& padding) { return padding.before() != 0 || padding.after() != 0; }
  /// The convolution.
  static constexpr auto& convolve = conv1d;
  /// The depthwise convolution.
  static constexpr auto& convolve_depthwise = depthwise_conv1d;
  /// The transposed convolution.
  static constexpr auto& convolve_transposed = conv1d_input_gradient;
  /// The convolution in inference.
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv1d(x, options);
  }
  /// Maximum pooling.
  static constexpr auto& max_pool = max_pool1d;
  /// Average pooling.
  static constexpr auto& average_pool = average_pool1d;
  /// The maximum of each channel.
  static constexpr auto& global_max_pool = global_max_pool1d;
  /// The mean of each channel.
  static constexpr auto& global_average_pool = global_average_pool1d;
};

/// The types and ops for images.
template <>
struct Axes<2> {
  /// A number for each axis.
  using Size = Extent2D;
  /// Padding for each axis.
  using Padding = xtape::Padding;
  /// Padding by one element at each border.
  static constexpr Padding one_each{1, 1, 1, 1};
  /// Options of a pooling.
  using Window = WindowOptions;
  /// Options of a convolution.
  using Convolution = Conv2DOptions;
  /// A kernel that inference packs once.
  using Packed = PackedKernel;
  /// The numbers of a size.
  static std::vector<std::int64_t> extents(Size size) { return {size.height, size.width}; }
  /// Whether amounts of padding are given.
  static bool is_explicit(const Padding& padding) { return padding.amounts() != Padding::valid.amounts(); }
  /// The convolution.
  static constexpr auto& convolve = conv2d;
  /// The depthwise convolution.
  static constexpr auto& convolve_depthwise = depthwise_conv2d;
  /// The transposed convolution.
  static constexpr auto& convolve_transposed = conv2d_input_gradient;
  /// The convolution in inference.
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv2d(x, options);
  }
  /// Maximum pooling.
  static constexpr auto& max_pool = max_pool2d;
  /// Average pooling.
  static constexpr auto& average_pool = average_pool2d;
  /// The maximum of each channel.
  static constexpr auto& global_max_pool = global_max_pool2d;
  /// The mean of each channel.
  static constexpr auto& global_average_pool = global_average_pool2d;
};

/// The types and ops for volumes.
template <>
struct Axes<3> {
  /// A number for each axis.
  using Size = Extent3D;
  /// Padding for each axis.
  using Padding = Padding3D;
  /// Padding by one element at each border.
  static constexpr Padding one_each{1, 1, 1, 1, 1, 1};
  /// Options of a pooling.
  using Window = WindowOptions3D;
  /// Options of a convolution.
  using Convolution = Conv3DOptions;
  /// A kernel that inference packs once.
  using Packed = PackedKernel3D;
  /// The numbers of a size.
  static std::vector<std::int64_t> extents(Size size) { return {size.depth, size.height, size.width}; }
  /// Whether amounts of padding are given.
  static bool is_explicit(const Padding& padding) {
    return Axes<2>::is_explicit(padding.depth()) || Axes<2>::is_explicit(padding.plane());
  }
  /// The convolution.
  static constexpr auto& convolve = conv3d;
  /// The transposed convolution.
  static constexpr auto& convolve_transposed = conv3d_input_gradient;
  /// The convolution in inference.
  static Tensor convolve_packed(const Packed& kernel, const Tensor& x, const Convolution& options) {
    return kernel.conv3d(x, options);
  }
  /// Maximum pooling.
  static constexpr auto& max_pool = max_pool3d;
  /// Average pooling.
  static constexpr auto& average_pool = average_pool3d;
  /// The maximum of each channel.
  static constexpr auto& global_max_pool = global_max_pool3d;
  /// The mean of each channel.
  static constexpr auto& global_average_pool = global_average_pool3d;
};

/// A number for each axis: std::int64_t, Extent2D or Extent3D.
template <int axes>
using AxesSize = typename Axes<axes>::Size;
/// Padding for each axis: Padding1D, Padding or Padding3D.
template <int axes>
using AxesPadding = typename Axes<axes>::Padding;

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
