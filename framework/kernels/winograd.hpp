// 3x3 convolutions of stride 1 by Winograd's method F(4x4, 3x3): 36 multiplications for 16 pixels instead of 144.
#pragma once

#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// Whether the method applies and is worth it: 3x3 taps next to one another, stride 1, at least 16 channels and
/// filters, and tiles of 4x4 output pixels that are mostly filled.
bool winograd_applies(const Window& window, std::int64_t filters);

/// The convolutions of framework/kernels/convolution.hpp for windows that the method applies to. The relative error in
/// float32 is about 2e-6 of the largest value; results do not depend on the number of threads.
template <class T>
void winograd_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y);
template <class T>
void winograd_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx);
template <class T>
void winograd_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);

}  // namespace xtape::kernels
