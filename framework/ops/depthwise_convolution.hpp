// Depthwise convolution: every channel is convolved by itself (Howard et al.: MobileNets, 2017, section 3.1).
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/ops/convolution.hpp"

namespace xtape {

/// The geometry of a depthwise convolution of images of shape x with kernels of shape w. Error with the name `function`
/// if a rank is not 4, if the channels differ, or if the window does not fit (see place_window).
kernels::Window depthwise_window(std::string_view function, const Shape& x, const Shape& w,
                                 const Conv2DOptions& options);

/// y[n,i,j, c m + k] = sum over a, b of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,k], with zeros outside of x,
/// stride s, dilation d and padding p. m is the multiplier: the number of kernels of each channel.
/// x (n, height, width, channels), w (kernel height, kernel width, channels, multiplier) as in Keras, y (n, out height,
/// out width, channels * multiplier). Saves x and w. A multiplier of 1 is fastest; above, the computation uses scratch
/// memory for `multiplier` copies of x. Error as in depthwise_window.
Variable depthwise_conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options = {});

/// The derivative of depthwise_conv2d with respect to the images: dx of shape image_shape from dy and w. It is an op
/// that can be differentiated again. Saves dy and w.
Variable depthwise_conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                                         const Conv2DOptions& options = {});
/// The derivative of depthwise_conv2d with respect to the kernel: dw of shape kernel_shape from x and dy. It is an op
/// that can be differentiated again. Saves x and dy.
Variable depthwise_conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                          const Conv2DOptions& options = {});

}  // namespace xtape
