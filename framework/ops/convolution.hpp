// Two-dimensional convolution (as everywhere in deep learning, the cross-correlation).
#pragma once

#include <memory>

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

namespace kernels {
template <class T>
class PackedMatrix;
struct SizeRange;
}  // namespace kernels

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

/// What conv2d makes of a kernel alone, kept from one inference to the next: its values in the form in which they are
/// multiplied with, which with few images costs more than multiplying, or the range of their sizes (Winograd's method).
/// Takes as much memory as the kernel, and holds the kernel itself, so
/// that who writes to it next takes a copy. It does not see what is written through a pointer that was there before.
/// Safe from several threads.
class KernelCache {
 public:
  /// As the other conv2d; recomputes what is kept when `w` is not the tensor it was made from, has been written to, or
  /// is read in another form (another dilation, another instruction set). Derivatives are not recorded.
  Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2DOptions& options);

 private:
  template <class T>
  std::shared_ptr<const kernels::PackedMatrix<T>> packed(const kernels::Window& window, const Tensor& w);
  template <class T>
  std::shared_ptr<const kernels::SizeRange> range(const Tensor& w);
  void forget_other_than(const Tensor& w);

  Tensor kernel_;  // shares the storage, so that whoever writes to it takes a copy: same storage, same values
  std::shared_ptr<const void> packed_;               // a PackedMatrix of the kernel's type, once it was asked for
  std::shared_ptr<const kernels::SizeRange> range_;  // likewise
};

/// The derivatives of conv2d as functions of their own, since they are convolutions too and have derivatives again:
/// dx of the given image shape from dy and w (the transposed convolution), and dw of the given kernel shape from x and
/// dy.
Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                               const Conv2DOptions& options = {});
Variable conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                const Conv2DOptions& options = {});

}  // namespace xtape
