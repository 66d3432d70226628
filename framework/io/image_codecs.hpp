// What read_image is made of: a decoder for each format. For image.cpp alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::codecs {

using Bytes = std::vector<std::uint8_t>;  ///< a whole file

/// (height, width, 3) uint8 as the pixels lie in the file. Error naming `path` when the file is damaged or too large.
Tensor decode_jpeg(const Bytes& file, const std::string& path);
Tensor decode_png(const Bytes& file, const std::string& path);

/// How to turn the photograph upright: the orientation, 1 to 8, in the Exif data of a JPEG file (CIPA DC-008-2019,
/// Exif 2.32, section 4.6.4, tag 0x0112), or in Exif data by themselves; 1, upright, when there is none.
int exif_orientation(const Bytes& file);
/// The Exif data that a PNG file holds before its pixels (chunk eXIf, PNG 3rd edition, section 11.3.3.4), with the
/// signature that JPEG files have before them; empty when there are none.
Bytes png_exif(const Bytes& file);

/// Memory for an image that a file announces; Error naming `path` when it has no pixels or too many.
Tensor image_for(std::int64_t height, std::int64_t width, const std::string& path);

}  // namespace xtape::codecs
