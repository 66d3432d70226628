// Two-dimensional convolution. As usual in deep learning, this is the cross-correlation.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

namespace kernels {
template <class T>
class PackedMatrix;
struct SizeRange;
}  // namespace kernels
struct ChainLink;
struct InferenceConvolution;
struct InferenceEpilogue;

/// Options of a two-dimensional convolution.
struct Conv2DOptions {
  Extent2D strides = 1;              ///< distance of neighbouring windows in pixels, at least 1
  Padding padding = Padding::valid;  ///< zeros around the image
  Extent2D dilation = 1;             ///< distance of neighbouring taps in pixels, at least 1
  /// Number of groups into which channels and filters are divided. A filter reads the channels of its group.
  std::int64_t groups = 1;
};

/// The geometry of a convolution of images of shape x with kernels of shape w. Error with the name `function` if a rank
/// is not 4, if the channels differ, if channels and filters cannot be divided into the groups, or if the window does
/// not fit (see place_window).
kernels::Window convolution_window(std::string_view function, const Shape& x, const Shape& w,
                                   const Conv2DOptions& options);

/// y[n,i,j,f] = sum over a, b, c of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,f], with zeros outside of x,
/// stride s, dilation d and padding p.
/// x (n, height, width, channels), w (kernel height, kernel width, channels / groups, filters), y (n, out height, out
/// width, filters). With groups, c is a channel of the group of f. Saves x and w. Error as in convolution_window.
Variable conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options = {});

/// y[n,i,j,c m + k] = sum over a, b of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,k]: each channel has m filters of
/// its own. It is conv2d with as many groups as channels. x (n, height, width, channels), w (kernel height, kernel
/// width, channels, m), y (n, out height, out width, channels m). Saves x and w. Error if a rank is not 4, if the
/// channels differ, if options.groups is not 1, or if the window does not fit.
Variable depthwise_conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options = {});

/// The data that conv2d computes from a kernel alone: the packed kernel, because with few images packing costs more
/// than multiplying, or the range of its magnitudes (for Winograd's method). The data is made at the first call that
/// needs it and takes as much memory as the kernel. Thread-safe. See Parameter::derived.
class PackedKernel {
 public:
  /// Keeps the kernel (kernel height, kernel width, channels, filters). Nothing is packed yet.
  explicit PackedKernel(Tensor kernel) : kernel_(std::move(kernel)) {}

  /// Computes the same as the function conv2d, without recording derivatives. Packs the kernel again if x needs another
  /// layout, because of a different dilation or instruction set.
  Tensor conv2d(const Tensor& x, const Conv2DOptions& options) const;

 private:
  friend std::optional<Tensor> conv2d_with_epilogue(const Tensor& x, const InferenceConvolution& convolution,
                                                    const InferenceEpilogue& epilogue);
  friend std::optional<Tensor> conv2d_chain(const Tensor& x, const std::vector<ChainLink>& links);

  template <class T>
  std::shared_ptr<const kernels::PackedMatrix<T>> packed(const kernels::Window& window) const;
  template <class T>
  std::shared_ptr<const kernels::SizeRange> range() const;

  Tensor kernel_;
  mutable std::shared_ptr<const void> packed_;  // a PackedMatrix of the kernel's element type
  mutable std::shared_ptr<const kernels::SizeRange> range_;
};

/// The derivative of conv2d with respect to the images: dx of shape image_shape from dy and w. This is the transposed
/// convolution. It is an op that can be differentiated again. Saves dy and w.
Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                               const Conv2DOptions& options = {});
/// The derivative of conv2d with respect to the kernel: dw of shape kernel_shape from x and dy. It is an op that can be
/// differentiated again. Saves x and dy.
Variable conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                const Conv2DOptions& options = {});

}  // namespace xtape
