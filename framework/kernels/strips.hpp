// Convolutions of few channels: rows of the output from padded copies of the rows under them. Internal to kernels/.
#pragma once

#include <cstdint>

#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// Whether the method pays: taps that follow one another in a row of the kernel become one run of values, where each by
/// itself would be too short.
inline bool strips_apply(const Window& w) {
  return w.channels > 0 && w.channels < 16 && w.kernel_width > 1 && w.dilation_width == 1 && w.dilation_height == 1;
}

// As the functions of convolution.hpp, for windows with strips_apply and at least one output value.

template <class T>
void strips_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y);
template <class T>
void strips_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);
template <class T>
void strips_conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y,
                            std::int32_t* places);
template <class T>
void strips_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw);

}  // namespace xtape::kernels
