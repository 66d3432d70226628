// Depthwise convolution and its two derivatives: every channel is convolved by itself, with kernels of its own.
//
// x (batch, height, width, channels), w (kernel_height, kernel_width, channels, multiplier) and y (batch, out_height,
// out_width, channels * multiplier) are contiguous; dx, dw and dy have the same shapes. T is float or double. Results
// do not depend on the number of threads. With a multiplier above 1, scratch memory for `multiplier` copies of x (or
// dx) is used.
#pragma once

#include "framework/kernels/convolution/window.hpp"

namespace xtape::kernels {

/// y[n,i,j, c m + k] = sum over a, b of x[n, i s + a d - p, j s + b d - p, c] w[a,b,c,k] with m = multiplier, stride s,
/// dilation d and padding p. x is 0 outside of the image.
template <class T>
void depthwise_conv2d(const Window& window, std::int64_t multiplier, const T* x, const T* w, T* y);

/// Computes dx from dy and w.
template <class T>
void depthwise_input_gradient(const Window& window, std::int64_t multiplier, const T* dy, const T* w, T* dx);

/// Computes dw from x and dy.
template <class T>
void depthwise_kernel_gradient(const Window& window, std::int64_t multiplier, const T* x, const T* dy, T* dw);

}  // namespace xtape::kernels
