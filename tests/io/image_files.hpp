// Images for tests: gradients, PNG files made chunk by chunk, JPEG files.
#pragma once

#include <turbojpeg.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "framework/io/image.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

/// A smooth image with different corners.
inline Tensor gradient(std::int64_t height, std::int64_t width) {
  Tensor image = Tensor::empty({height, width, 3}, DType::uint8);
  auto* out = image.mutable_data<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const double down = static_cast<double>(y) / static_cast<double>(height);
      const double across = static_cast<double>(x) / static_cast<double>(width);
      *out++ = static_cast<std::uint8_t>(20 + 200 * down);
      *out++ = static_cast<std::uint8_t>(220 - 180 * across);
      *out++ = static_cast<std::uint8_t>(60 + 90 * down + 90 * across);
    }
  }
  return image;
}

/// A chunk of a PNG file: length, type, data, checksum (W3C: Portable Network Graphics, section 5.3).
inline std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(data.size()) + body + big_endian(sum);
}

/// A PNG file with these rows (unfiltered, without the filter bytes). `before` has further chunks.
inline std::string png_file(unsigned width, unsigned height, int depth, int color_type, const std::string& pixels,
                            const std::string& before = "") {
  std::string rows;
  const std::size_t row = pixels.size() / height;
  for (unsigned y = 0; y < height; ++y) rows += std::string(1, '\0') + pixels.substr(y * row, row);
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
           static_cast<uLong>(rows.size()));
  packed.resize(size);
  const std::string header = big_endian(width) + big_endian(height) + static_cast<char>(depth) +
                             static_cast<char>(color_type) + std::string(3, '\0');
  return "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", header) + before + png_chunk("IDAT", packed) + png_chunk("IEND", "");
}

/// A JPEG file with the best quality from pixels in a format of libjpeg-turbo.
inline std::string jpeg_file(const std::uint8_t* pixels, std::int64_t height, std::int64_t width,
                             TJPF format = TJPF_RGB, TJSAMP sampling = TJSAMP_444, int flags = 0) {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  void* compressor = tjInitCompress();
  REQUIRE(tjCompress2(compressor, pixels, static_cast<int>(width), 0, static_cast<int>(height), format, &bytes, &size,
                      sampling, 100, flags) == 0);
  const std::string file(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(compressor);
  return file;
}
inline std::string jpeg_file(const Tensor& image) {
  return jpeg_file(image.data<std::uint8_t>(), image.dim(0), image.dim(1));
}

/// Exif data that contain only an orientation, with the small or the large byte of a number first.
inline std::string orientation_exif(int orientation, bool large_first = false) {
  const auto number = large_first ? big_endian : little_endian;
  const auto value = static_cast<std::uint64_t>(orientation);
  return std::string(large_first ? "MM\0*" : "II*\0", 4) + number(8, 4) + number(1, 2) + number(0x0112, 2) +
         number(3, 2) + number(1, 4) + number(value, 2) + number(0, 2) + number(0, 4);
}

/// The JPEG file with an orientation.
inline std::string with_orientation(const std::string& jpeg, int orientation, bool large_first = false) {
  const std::string body = std::string("Exif\0\0", 6) + orientation_exif(orientation, large_first);
  return jpeg.substr(0, 2) + "\xFF\xE1" + big_endian(body.size() + 2, 2) + body + jpeg.substr(2);
}

/// The result of read_image for a file with these bytes, which check_image must accept too.
inline Tensor read_bytes_as_image(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "image", bytes);
  check_image(folder / "image");
  return read_image(folder / "image");
}

/// The error of read_image for a file with these bytes. Checks that it names the file and equals the error of
/// check_image.
inline std::string image_error_for(const std::string& bytes) {
  const TemporaryFolder folder;
  write_bytes(folder / "image", bytes);
  const std::string error = error_of([&] { read_image(folder / "image"); });
  CHECK_THAT(error, Catch::Contains((folder / "image").string()) && Catch::Contains("read_image: expected"));
  CHECK(error_of([&] { check_image(folder / "image"); }) == error);
  return error;
}

/// An image (height, width, 3) with these values.
inline Tensor rgb(std::int64_t height, std::int64_t width, const std::vector<double>& values) {
  return Tensor::of({height, width, 3}, values, DType::uint8);
}

}  // namespace xtape::test
