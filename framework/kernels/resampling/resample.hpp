// Kernels that read images at places between pixels. Results do not depend on the number of threads.
#pragma once

#include <cstdint>

namespace xtape {

/// What a place outside of an image has: a constant; the nearest pixel; the image mirrored at its edge, d c b a | a b c
/// d | d c b a; or the image repeated, a b c d | a b c d | a b c d.
enum class FillMode { constant, nearest, reflect, wrap };

}  // namespace xtape

namespace xtape::kernels {
/// @cond INTERNAL
/// Images (images, height, width, channels), the size of the new ones, and how they are read.
struct Resampling {
  std::int64_t images, height, width, channels, new_height, new_width;
  bool bilinear;  ///< else the nearest pixel
  FillMode outside;
  double fill;  ///< the constant
};

/// Writes y (images, new_height, new_width, channels): pixel (i, j) is x at the row a i + b j + c and the column d i +
/// e j
/// + f of its image, with the six numbers of the image in `transforms`, or of all images if `common`.
template <class T>
void resample(const Resampling& shape, const T* x, const double* transforms, bool common, T* y);

/// The transpose: writes dx, the sum of dy times the weights with which each pixel of x was read.
template <class T>
void resample_gradient(const Resampling& shape, const T* dy, const double* transforms, bool common, T* dx);
/// @endcond
}  // namespace xtape::kernels
