// What read_image is made of: a decoder for each format. For image.cpp alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::codecs {

using Bytes = std::vector<std::uint8_t>;  ///< a whole file

/// (height, width, 3) uint8 as the pixels lie in the file, and how to turn them upright: the orientation, 1 to 8, in
/// the Exif data (CIPA DC-008-2019, Exif 2.32, section 4.6.4, tag 0x0112); 1, upright, when there is none.
struct Photograph {
  Tensor image;
  int orientation;
};

/// Error naming `path` when the file is damaged or too large.
Photograph decode_jpeg(const Bytes& file, const std::string& path);
Photograph decode_png(const Bytes& file, const std::string& path);
/// The same errors, without memory for the image and in less time.
void check_jpeg(const Bytes& file, const std::string& path);
void check_png(const Bytes& file, const std::string& path);

/// Exif data without their signature in JPEG files, "Exif\0" and a byte of padding, where they begin with it.
Bytes without_exif_signature(Bytes data);

/// The orientation in Exif data without signature; 1 when there is none.
int exif_orientation(const Bytes& exif);

/// Error naming `path` when an image that a file announces has no pixels or too many.
void check_extents(std::int64_t height, std::int64_t width, const std::string& path);
/// Memory for it; the same Error.
Tensor image_for(std::int64_t height, std::int64_t width, const std::string& path);

}  // namespace xtape::codecs
