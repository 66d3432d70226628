// 3x3 convolutions of stride 1 by Winograd's method F(4x4, 3x3), which needs 36 multiplications for 16 output pixels
// instead of 144.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "framework/kernels/convolution/window.hpp"

namespace xtape::kernels {

/// Whether the method can be used and is faster than the definition. It requires 3x3 taps without dilation, stride 1,
/// at least 16 channels and 16 filters, enough tiles of 4x4 output pixels, and at least half of their pixels in the
/// image.
bool winograd_applies(const Window& window, std::int64_t filters);

/// The range of the sizes |x| of nonzero values. `most` is 0 if there are none.
struct SizeRange {
  double least = HUGE_VAL, most = 0;

  void add(double size) {
    if (size > 0) least = std::min(least, size);
    most = std::max(most, size);
  }
};

/// The range of the sizes of the taps of a kernel (3, 3, channels, filters). `most` is infinite if the method is less
/// accurate than the definition for this kernel.
template <class T>
SizeRange kernel_range(std::int64_t channels, std::int64_t filters, const T* w);

/// Indices of images in a batch, in increasing order.
using Images = std::vector<std::int64_t>;

/// The convolutions of framework/kernels/convolution/convolution.hpp, restricted to the given images, of which there
/// must be at least one. Results of the other images are not written, and the kernel gradient is the sum over the given
/// images. The window must satisfy winograd_applies. The error in float32 is about 2e-6 of the largest value of a patch
/// of 6x6 pixels. Results do not depend on the number of threads.
template <class T>
void winograd_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y, const Images& images);
template <class T>
void winograd_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx,
                             const Images& images);
template <class T>
void winograd_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw,
                              const Images& images);

/// The images for which each of these convolutions is as accurate as the definition. In these images no value is much
/// larger than its neighbours or than most values of its channel, and no intermediate value leaves the range of T (see
/// winograd_range.cpp). One case is not excluded: if a filter ignores the largest channels of a window, and these
/// contain a few large pixels among zeros, the output may have an error of 2e-6 of these values times a weight.
template <class T>
Images images_for_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w);
/// The same for a kernel whose kernel_range is known.
template <class T>
Images images_for_conv2d(const Window& window, const T* x, const SizeRange& kernel);
template <class T>
Images images_for_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w);
template <class T>
Images images_for_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy);

}  // namespace xtape::kernels
