// The decoders for image formats. Internal to framework/io.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::codecs {

using Bytes = std::vector<std::uint8_t>;  ///< a whole file

/// An image (height, width, 3) of uint8 with the pixels in the order of the file, and its orientation in the Exif data,
/// 1 to 8 (CIPA DC-008-2019, Exif 2.32, section 4.6.4, tag 0x0112). The orientation is 1, upright, if there are none.
struct Photograph {
  Tensor image;
  int orientation;
};

/// Decodes a file. Error with `path` if the file is damaged or the image is too large.
Photograph decode_jpeg(const Bytes& file, const std::string& path);
Photograph decode_png(const Bytes& file, const std::string& path);
/// Throws the same Errors as decoding, in less time and without memory for the image.
void check_jpeg(const Bytes& file, const std::string& path);
void check_png(const Bytes& file, const std::string& path);

/// Removes the signature of Exif data in JPEG files, "Exif\0" and a padding byte, if the data begin with it.
Bytes without_exif_signature(Bytes data);

/// The orientation in Exif data without signature; 1 if the data have none.
int exif_orientation(const Bytes& exif);

/// Throws Error with `path` unless an image of this size has 1 to max_image_pixels pixels.
void check_extents(std::int64_t height, std::int64_t width, const std::string& path);
/// Allocates an image (height, width, 3), after the same check.
Tensor image_for(std::int64_t height, std::int64_t width, const std::string& path);

}  // namespace xtape::codecs
