// Strip convolution, a method for images with few channels. Internal to kernels/.
//
// A strip is a few consecutive output rows of one image. The input rows under it are copied with their padding. In this
// copy neighbouring pixels are a constant distance apart, so the product needs no indirection buffer, and the taps of a
// kernel row form one contiguous run of kernel_width * channels values.
#pragma once

#include <cstdint>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/gemm/product.hpp"

namespace xtape::kernels {

/// Whether the method is faster than indirect convolution: with few channels the run of a single tap is too short, and
/// the taps of a kernel row form one run if they are not dilated.
inline bool strips_apply(const Window& w) {
  return w.channels > 0 && w.channels < 16 && w.kernel_width > 1 && w.dilation_width == 1 && w.dilation_height == 1;
}

// The same computations as in convolution.hpp. They require strips_apply and at least one output value.

template <class T>
void strips_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y,
                   const PartFunction<T>* finish = nullptr);
template <class T>
void strips_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);
template <class T>
void strips_conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y,
                            std::int32_t* argmax);
template <class T>
void strips_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* argmax, const T* dy, T* dw);

}  // namespace xtape::kernels
