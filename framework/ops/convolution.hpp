// Two-dimensional convolution (as everywhere in deep learning, the cross-correlation).
#pragma once

#include <memory>
#include <utility>

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

namespace kernels {
template <class T>
class PackedMatrix;
}

struct Conv2DOptions {
  Extent2D strides = 1;
  Padding padding = Padding::valid;
  Extent2D dilation = 1;
};

/// The geometry of a convolution of images x with kernels w, both of these shapes, for messages of `function`. Error
/// for other ranks, channels that differ, or a window that does not fit (place_window).
kernels::Window convolution_window(std::string_view function, const Shape& x, const Shape& w,
                                   const Conv2DOptions& options);

/// y[n,i,j,f] = sum over a, b, c of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,f], zeros outside of x.
/// x (n, height, width, channels), w (kernel height, kernel width, channels, filters), y (n, out height, out width,
/// filters). Saves x and w. Errors of convolution_window.
Variable conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options = {});

/// A kernel in the form in which conv2d multiplies with it: with few images, packing costs more than multiplying.
/// Packed at the first call that needs it; takes as much memory as the kernel. May be used by several threads. What a
/// layer derives from its kernel (Parameter::derived).
class PackedKernel {
 public:
  explicit PackedKernel(Tensor kernel) : kernel_(std::move(kernel)) {}

  /// As the other conv2d. Packs again when x needs another form (another dilation, another instruction set).
  /// Derivatives are not recorded.
  Tensor conv2d(const Tensor& x, const Conv2DOptions& options) const;

 private:
  template <class T>
  std::shared_ptr<const kernels::PackedMatrix<T>> packed(const kernels::Window& window) const;

  Tensor kernel_;
  mutable std::shared_ptr<const void> packed_;  // a PackedMatrix of the kernel's type
};

/// The derivatives of conv2d as functions of their own, since they are convolutions too and have derivatives again:
/// dx of the given image shape from dy and w (the transposed convolution), and dw of the given kernel shape from x and
/// dy.
Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                               const Conv2DOptions& options = {});
Variable conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                const Conv2DOptions& options = {});

}  // namespace xtape
