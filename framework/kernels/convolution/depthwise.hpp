// Depthwise convolution and its two derivatives: each filter reads one channel. Internal to kernels/.
//
// The window has as many groups as channels; w is (kernel_height, kernel_width, channels, multiplier), y has channels *
// multiplier filters, and filter c * multiplier + k reads channel c. See convolution.hpp for the other arrays.
#pragma once

#include <cstdint>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/gemm/product.hpp"

namespace xtape::kernels {

/// Whether the functions below compute the convolution.
inline bool is_depthwise(const Window& window) { return window.groups == window.channels && window.groups > 1; }

/// Computes y from x and w. Unless `finish` is null, calls it for each row of pixels of y.
template <class T>
void depthwise_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y,
                      const PartFunction<T>* finish = nullptr);
/// Computes dx from dy and w.
template <class T>
void depthwise_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx);
/// Computes dw from x and dy.
template <class T>
void depthwise_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);

}  // namespace xtape::kernels
