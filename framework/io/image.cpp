#include "framework/io/image.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "framework/io/image_codecs.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {
namespace {

constexpr std::int64_t max_file_bytes = std::int64_t{1} << 30;

codecs::Bytes whole_file(const std::filesystem::path& path) {
  InputFile file("read_image", path);
  check(file.size() <= max_file_bytes, "read_image: expected a file of at most 1 GiB, got {} bytes in {}", file.size(),
        path.string());
  codecs::Bytes bytes(static_cast<std::size_t>(file.size()));
  if (!bytes.empty()) file.read(0, bytes.data(), file.size());
  return bytes;
}

template <std::size_t n>
bool begins_with(const codecs::Bytes& file, const std::array<std::uint8_t, n>& signature) {
  return file.size() >= n && std::equal(signature.begin(), signature.end(), file.begin());
}

/// Applies an Exif orientation (1 to 8): mirrors and rotates the stored image. Orientations from 5 on exchange rows and
/// columns. The loop runs in tiles, so that accesses along columns stay in the cache.
Tensor upright(const Tensor& stored, int orientation) {
  if (orientation == 1) return stored;
  const std::int64_t height = stored.dim(0), width = stored.dim(1), tile = 32;
  const bool sideways = orientation >= 5;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Tensor result = Tensor::empty(sideways ? Shape{width, height, 3} : stored.shape(), DType::uint8);
  const auto* in = stored.data<std::uint8_t>();
  auto* out = result.mutable_data<std::uint8_t>();
  const auto copy = [&](std::int64_t row, std::int64_t column) {
    const std::int64_t y = sideways ? column : row, x = sideways ? row : column;
    const std::int64_t from = (from_bottom ? height - 1 - y : y) * width + (from_right ? width - 1 - x : x);
    std::copy_n(in + 3 * from, 3, out + 3 * (row * result.dim(1) + column));
  };
  for (std::int64_t top = 0; top < result.dim(0); top += tile) {
    for (std::int64_t left = 0; left < result.dim(1); left += tile) {
      for (std::int64_t row = top; row < std::min(top + tile, result.dim(0)); ++row) {
        for (std::int64_t column = left; column < std::min(left + tile, result.dim(1)); ++column) copy(row, column);
      }
    }
  }
  return result;
}

}  // namespace

void codecs::check_extents(std::int64_t height, std::int64_t width, const std::string& path) {
  check(height > 0 && width > 0 && height <= max_image_pixels / width,
        "read_image: expected 1 to {} pixels, got {} x {} in {}", max_image_pixels, height, width, path);
}

Tensor codecs::image_for(std::int64_t height, std::int64_t width, const std::string& path) {
  check_extents(height, width, path);
  return Tensor::empty({height, width, 3}, DType::uint8);
}

namespace {

enum class Format { jpeg, png };

Format format_of(const codecs::Bytes& file, const std::filesystem::path& path) {
  if (begins_with<2>(file, {0xFF, 0xD8})) return Format::jpeg;
  check(begins_with<8>(file, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}),
        "read_image: expected a JPEG or PNG file, got another or an empty one: {}", path.string());
  return Format::png;
}

}  // namespace

Tensor read_image(const std::filesystem::path& path) {
  const codecs::Bytes file = whole_file(path);
  const auto decode = format_of(file, path) == Format::jpeg ? codecs::decode_jpeg : codecs::decode_png;
  const auto [image, orientation] = decode(file, path.string());
  return upright(image, orientation);
}

void check_image(const std::filesystem::path& path) {
  const codecs::Bytes file = whole_file(path);
  const auto check_file = format_of(file, path) == Format::jpeg ? codecs::check_jpeg : codecs::check_png;
  check_file(file, path.string());
}

Tensor to_grey(const Tensor& image) {
  check(image.defined(), "to_grey: expected an image (height, width, 3) of uint8, got an undefined tensor");
  check(image.dtype() == DType::uint8 && image.rank() == 3 && image.dim(2) == 3,
        "to_grey: expected an image (height, width, 3) of uint8, got {} {}", image.dtype(), image.shape());
  Tensor grey = Tensor::empty({image.dim(0), image.dim(1), 1}, DType::uint8);
  const auto* rgb = image.data<std::uint8_t>();
  auto* out = grey.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < grey.size(); ++i, rgb += 3) {
    out[i] = static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
  return grey;
}

}  // namespace xtape
