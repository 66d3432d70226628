// 3x3 convolutions of stride 1 by Winograd's method F(4x4, 3x3): 36 multiplications for 16 pixels instead of 144.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "framework/kernels/convolution/window.hpp"

namespace xtape::kernels {

/// Whether the method applies and is worth it: 3x3 taps next to one another, stride 1, at least 16 channels and
/// filters, and tiles of 4x4 output pixels that are mostly filled.
bool winograd_applies(const Window& window, std::int64_t filters);

/// The sizes |x| of values that are not zero: none if most is 0.
struct SizeRange {
  double least = HUGE_VAL, most = 0;

  void add(double size) {
    if (size > 0) least = std::min(least, size);
    most = std::max(most, size);
  }
};

/// Of a kernel (3, 3, channels, filters): infinite if it is not one for which the method is as accurate as the
/// definition.
template <class T>
SizeRange kernel_range(std::int64_t channels, std::int64_t filters, const T* w);

/// Numbers of images of a batch, in order.
using Images = std::vector<std::int64_t>;

/// The convolutions of framework/kernels/convolution/convolution.hpp for windows that the method applies to. The
/// relative error in float32 is about 2e-6 of the largest value of a patch of 6x6 pixels; results do not depend on the
/// number of threads. They are those of the given images, at least one: of the others nothing is written, and the
/// kernel's gradient is the part of these.
template <class T>
void winograd_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y, const Images& images);
template <class T>
void winograd_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx,
                             const Images& images);
template <class T>
void winograd_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw,
                              const Images& images);

/// The images where each of them is as accurate as the definition: those without values that are much larger than
/// others beside them or in the same channel, and without intermediate values that leave the range of T
/// (kernels/convolution/winograd_range.cpp). An output whose filter ignores the largest channels of its window may
/// still have an error of 2e-6 of their values times a weight, where a few large pixels lie among zeros in another
/// channel.
template <class T>
Images images_for_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w);
/// The same with the range of the kernel.
template <class T>
Images images_for_conv2d(const Window& window, const T* x, const SizeRange& kernel);
template <class T>
Images images_for_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w);
template <class T>
Images images_for_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy);

}  // namespace xtape::kernels
