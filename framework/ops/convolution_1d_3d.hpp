// Convolution of sequences (1-D) and volumes (3-D). As usual in deep learning, this is the cross-correlation. All
// functions are compositions of the ops on images, so they can be differentiated as often as these.
#pragma once

#include "framework/ops/convolution.hpp"
#include "framework/ops/window_1d_3d.hpp"

namespace xtape {

/// Options of a convolution of sequences.
struct Conv1DOptions {
  std::int64_t strides = 1;              ///< distance of neighbouring windows, at least 1
  Padding1D padding = Padding1D::valid;  ///< zeros before and after the sequence
  std::int64_t dilation = 1;             ///< distance of neighbouring taps, at least 1
  /// Number of groups into which channels and filters are divided. A filter reads the channels of its group.
  std::int64_t groups = 1;
};

/// Options of a convolution of volumes.
struct Conv3DOptions {
  Extent3D strides = 1;                  ///< distance of neighbouring windows, at least 1
  Padding3D padding = Padding3D::valid;  ///< zeros around the volume
  Extent3D dilation = 1;                 ///< distance of neighbouring taps, at least 1
  /// Number of groups into which channels and filters are divided. A filter reads the channels of its group.
  std::int64_t groups = 1;
};

/// y[n,i,f] = sum over a, c of x[n, i s + a d - p, c] w[a,c,f], with zeros outside of x, stride s, dilation d and
/// padding p. x (n, length, channels), w (kernel size, channels / groups, filters), y (n, out length, filters). It is
/// conv2d on images of height 1. Error if a rank is not 3; otherwise as in conv2d.
Variable conv1d(const Variable& x, const Variable& w, const Conv1DOptions& options = {});
/// The derivative of conv1d with respect to the sequences: dx of shape sequence_shape from dy and w. This is the
/// transposed convolution.
Variable conv1d_input_gradient(const Variable& dy, const Variable& w, const Shape& sequence_shape,
                               const Conv1DOptions& options = {});
/// The convolution in which each channel has m filters, as in depthwise_conv2d. x (n, length, channels), w (kernel
/// size, channels, m), y (n, out length, channels m). Error as in depthwise_conv2d.
Variable depthwise_conv1d(const Variable& x, const Variable& w, const Conv1DOptions& options = {});

/// The sum of conv1d over three axes: x (n, depth, height, width, channels), w (kernel depth, kernel height, kernel
/// width, channels / groups, filters), y (n, out depth, out height, out width, filters). It is conv2d of the slices,
/// with the taps along the depth as channels. Error if a rank is not 5; otherwise as in conv2d.
Variable conv3d(const Variable& x, const Variable& w, const Conv3DOptions& options = {});
/// The derivative of conv3d with respect to the volumes: dx of shape volume_shape from dy and w. This is the transposed
/// convolution.
Variable conv3d_input_gradient(const Variable& dy, const Variable& w, const Shape& volume_shape,
                               const Conv3DOptions& options = {});

/// Data that conv1d computes from a kernel (kernel size, channels, filters) alone. See PackedKernel.
class PackedKernel1D {
 public:
  /// Keeps the kernel. Nothing is packed yet.
  explicit PackedKernel1D(const Tensor& kernel);
  /// Computes the same as the function conv1d, without recording derivatives.
  Tensor conv1d(const Tensor& x, const Conv1DOptions& options) const;

 private:
  std::int64_t size_;
  PackedKernel kernel_;
};

/// Data that conv3d computes from a kernel (kernel depth, kernel height, kernel width, channels, filters) alone. See
/// PackedKernel.
class PackedKernel3D {
 public:
  /// Keeps the kernel with its depth as channels. Nothing is packed yet.
  explicit PackedKernel3D(const Tensor& kernel);
  /// Computes the same as the function conv3d, without recording derivatives.
  Tensor conv3d(const Tensor& x, const Conv3DOptions& options) const;

 private:
  Shape shape_;
  PackedKernel kernel_;
};

}  // namespace xtape
