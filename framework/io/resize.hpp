// Resizing of images.
#pragma once

#include <cstdint>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Resizes an image (height, width, channels) of uint8 to (new_height, new_width, channels) of uint8, by a Lanczos
/// filter with three lobes that is applied to columns and then to rows (K. Turkowski: Filters for Common Resampling
/// Tasks, Graphics Gems, 1990). With s = old / new, new pixel i is a weighted mean of the old pixels j with the weights
///   w_ij = L((j + 1/2 - (i + 1/2) s) / max(s, 1)),   L(t) = sinc(t) sinc(t / 3) for |t| < 3, else 0.
/// When an image is reduced, all old pixels contribute, so there is no aliasing. At the edges fewer pixels contribute,
/// and the weights are normalized to a sum of 1. This is the filter of Pillow's LANCZOS and of TensorFlow's lanczos3
/// with antialias. Throws Error if the image has another type or rank or is empty, if a new side is not 1 to 65536, or
/// if the new image has more than max_image_pixels pixels.
Tensor resize_image(const Tensor& image, std::int64_t new_height, std::int64_t new_width);

}  // namespace xtape
