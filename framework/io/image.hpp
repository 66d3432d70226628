// Photographs and drawings: JPEG and PNG files <-> Tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The largest image that is read, in pixels: 805 MB as a tensor. Larger ones are taken for an attack on the memory.
inline constexpr std::int64_t max_image_pixels = std::int64_t{1} << 28;

/// Reads a JPEG or PNG file, told apart by its first bytes and not by its name, as (height, width, 3) uint8, RGB.
/// Grey values are repeated, palettes looked up, 16 bits rounded to 8; what is transparent lies on white; CMYK
/// (inverted, as Adobe writes it) becomes RGB. A photograph is turned upright as the orientation in its Exif data says.
/// Values are those that the file stores: neither colour profiles nor gamma (PNG's iCCP, sRGB, cHRM and gAMA) are
/// applied. Error with the path when the file can't be read, is no JPEG or PNG, has more than max_image_pixels (found
/// out before memory is taken for them), or is damaged, even if only its end is missing. What loses no pixel is no
/// Error: an unknown JFIF version, bytes between the segments of a JPEG file (but not after picture data, where they
/// mean damage), damaged text in a PNG file.
Tensor read_image(const std::filesystem::path& path);

/// Error for every file for which read_image() throws one, in about half its time (all data is decoded, but no image
/// is made).
void check_image(const std::filesystem::path& path);

/// The bytes of a PNG file. image: (height, width, 3 or 1) uint8, RGB or grey. Error when it is something else.
std::string encode_png(const Tensor& image);

/// Writes them to a file, all or nothing (see write_atomically). Error as above and when the file can't be written.
void write_png(const std::filesystem::path& path, const Tensor& image);

/// The grey values of an image (height, width, 3) uint8 as (height, width, 1): 0.299 R + 0.587 G + 0.114 B, rounded
/// (ITU-R BT.601). Error when it is something else.
Tensor to_grey(const Tensor& image);

}  // namespace xtape
