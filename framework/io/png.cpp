#include <png.h>

#include <algorithm>
#include <csetjmp>

#include "framework/error.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/image.hpp"
#include "framework/io/image_codecs.hpp"
#include "framework/kernels/memory_pool.hpp"

namespace xtape {
namespace {

/// libpng's simplified interface, which reports errors by return values; freed at the end of the scope.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  ~PngImage() { png_image_free(this); }
};

/// Each colour is mixed with white by its opacity.
void flatten(const std::uint8_t* rgba, std::int64_t pixels, std::uint8_t* rgb) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const int alpha = rgba[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<std::uint8_t>((rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

/// The file as libpng reads it piece by piece.
struct Source {
  const codecs::Bytes& file;
  std::size_t next = 0;
};

void read_piece(png_structp png, png_bytep out, std::size_t count) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (count > source.file.size() - source.next) png_longjmp(png, 1);
  std::copy_n(source.file.data() + source.next, count, out);
  source.next += count;
}

/// False when libpng finds an error: it jumps back to here, over nothing that has a destructor.
bool read_info(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_info(png, info);
  return true;
}

}  // namespace

namespace codecs {

Bytes png_exif(const Bytes& file) {
  Source source{file};
  png_structp png = png_create_read_struct(
      PNG_LIBPNG_VER_STRING, nullptr, [](png_structp self, png_const_charp) { png_longjmp(self, 1); },
      [](png_structp, png_const_charp) {});
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  Bytes exif;
  if (info) {
    png_set_read_fn(png, &source, read_piece);
    png_bytep data = nullptr;
    png_uint_32 size = 0;
    if (read_info(png, info) && png_get_eXIf_1(png, info, &size, &data) != 0) {
      exif = {'E', 'x', 'i', 'f', 0, 0};
      exif.insert(exif.end(), data, data + size);
    }
  }
  png_destroy_read_struct(&png, &info, nullptr);
  return exif;
}

Tensor decode_png(const Bytes& file, const std::string& path) {
  PngImage png;
  const auto require = [&](int done, const char* expected) {
    check(done != 0, "read_image: expected {}, got: {}; in {}", expected, png.message, path);
  };
  require(png_image_begin_read_from_memory(&png, file.data(), file.size()), "a PNG header");
  Tensor image = image_for(png.height, png.width, path);
  auto* rgb = image.mutable_data<std::uint8_t>();
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits mean the same colours as 8, not linear light
  const char* undamaged = "an undamaged PNG file";
  if ((png.format & PNG_FORMAT_FLAG_ALPHA) == 0) {
    png.format = PNG_FORMAT_RGB;
    require(png_image_finish_read(&png, nullptr, rgb, 0, nullptr), undamaged);
    return image;
  }
  png.format = PNG_FORMAT_RGBA;
  const std::int64_t pixels = image.size() / 3;
  const kernels::Workspace<std::uint8_t> rgba(4 * pixels);
  require(png_image_finish_read(&png, nullptr, rgba.data(), 0, nullptr), undamaged);
  flatten(rgba.data(), pixels, rgb);
  return image;
}

}  // namespace codecs

std::string encode_png(const Tensor& image) {
  check(image.defined() && image.dtype() == DType::uint8 && image.rank() == 3 && image.size() > 0 &&
            (image.dim(2) == 3 || image.dim(2) == 1) && image.size() / image.dim(2) <= max_image_pixels,
        "encode_png: expected an image (height, width, 3 or 1) of uint8 with 1 to 2^28 pixels, got {}",
        image.defined() ? fmt::format("{} {}", image.dtype(), image.shape()) : "an undefined tensor");
  PngImage png;
  png.height = static_cast<png_uint_32>(image.dim(0));
  png.width = static_cast<png_uint_32>(image.dim(1));
  png.format = image.dim(2) == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string file(size, '\0');
  const int done = png_image_write_to_memory(&png, file.data(), &size, 0, image.data<std::uint8_t>(), 0, nullptr);
  check(done != 0, "encode_png: expected to encode an image {}, got: {}", image.shape(), png.message);
  file.resize(size);
  return file;
}

void write_png(const std::filesystem::path& path, const Tensor& image) {
  const std::string file = encode_png(image);
  write_atomically(path, [&](std::ostream& out) { out << file; });
}

}  // namespace xtape
