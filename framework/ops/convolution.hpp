// Two-dimensional convolution (as everywhere in deep learning, the cross-correlation).
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

struct Conv2DOptions {
  Extent2D strides = 1;
  Padding padding = Padding::valid;
  Extent2D dilation = 1;
};

/// y[n,i,j,f] = sum over a, b, c of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,f], zeros outside of x.
/// x (n, height, width, channels), w (kernel height, kernel width, channels, filters), y (n, out height, out width,
/// filters). Saves x and w. Error for other ranks, channels that differ, or a window that does not fit (place_window).
Variable conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options = {});

/// The derivatives of conv2d as functions of their own, since they are convolutions too and have derivatives again:
/// dx of the given image shape from dy and w (the transposed convolution), and dw of the given kernel shape from x and
/// dy.
Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                               const Conv2DOptions& options = {});
Variable conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                const Conv2DOptions& options = {});

}  // namespace xtape
