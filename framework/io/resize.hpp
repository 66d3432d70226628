// Images of another size.
#pragma once

#include <cstdint>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An image (height, width, channels) of uint8 as (new_height, new_width, channels) of uint8, by a Lanczos filter of
/// three lobes (K. Turkowski: Filters for common resampling tasks, Graphics Gems, 1990) along rows and then along
/// columns. With s = old / new, pixel i of the new row is a weighted mean of the old pixels j,
///   w_ij = L((j + 1/2 - (i + 1/2) s) / max(s, 1)),   L(t) = sinc(t) sinc(t / 3) for |t| < 3, else 0,
/// so that shrinking takes all old pixels in (no aliasing); at the edge there are fewer of them and their weights still
/// add up to 1. The same filter as Pillow's LANCZOS and TensorFlow's lanczos3 with antialias. Error when the image is
/// something else, a new side is not 1 to 65536 or the new image has more than max_image_pixels.
Tensor resize_image(const Tensor& image, std::int64_t new_height, std::int64_t new_width);

}  // namespace xtape
