// Image files: reading JPEG and PNG, writing PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The largest supported image, in pixels: 805 MB as a tensor. Larger images are refused, because a small file may
/// claim a size that would exhaust the memory.
inline constexpr std::int64_t max_image_pixels = std::int64_t{1} << 28;

/// Reads a JPEG or PNG file as (height, width, 3) uint8, RGB. The format is recognized by the first bytes of the file,
/// not by its name. Grey values are repeated in three channels, palette indices are looked up, 16 bits are rounded to
/// 8, transparent pixels are blended with white, and CMYK (inverted, as Adobe writes it) is converted to RGB. The image
/// is rotated and mirrored as the orientation in its Exif data says. Values are otherwise those in the file: colour
/// profiles and gamma (iCCP, sRGB, cHRM and gAMA in PNG) are not applied. Throws Error with the path if the file cannot
/// be read, is neither JPEG nor PNG, has more than max_image_pixels pixels (detected before memory is allocated for
/// them), or is damaged, even if only its end is missing. Defects without effect on pixels are ignored: an unknown JFIF
/// version, extra bytes between the segments of a JPEG file (but not after picture data, where they mean damage),
/// damaged text in a PNG file.
Tensor read_image(const std::filesystem::path& path);

/// Throws an Error for every file for which read_image() does. It takes about half the time, because all data are
/// decoded but no image is created.
void check_image(const std::filesystem::path& path);

/// Encodes an image (height, width, 3 or 1) of uint8, RGB or grey, as a PNG file and returns its bytes. Error if the
/// image has another shape or type, or more than max_image_pixels pixels.
std::string encode_png(const Tensor& image);

/// Writes an image to a PNG file, atomically (see write_atomically). Throws the Errors of encode_png(), and an Error if
/// the file cannot be written.
void write_png(const std::filesystem::path& path, const Tensor& image);

/// Converts an image (height, width, 3) of uint8 to grey values (height, width, 1): 0.299 R + 0.587 G + 0.114 B,
/// rounded (ITU-R BT.601). Error if the image has another shape or type.
Tensor to_grey(const Tensor& image);

}  // namespace xtape
