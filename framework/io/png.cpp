#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>

#include "framework/error.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/image.hpp"
#include "framework/io/image_codecs.hpp"
#include "framework/kernels/memory_pool.hpp"

namespace xtape {
namespace {

/// libpng's simplified interface for writing, which reports errors by return values; freed at the end of the scope.
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

/// libpng's decoder. It reports an error by a jump out of its functions, over nothing that has a destructor. Pixels
/// have the values that the file stores: no gamma, no colour profile is applied. 16 bits are rounded to 8.
class PngDecoder {
 public:
  PngDecoder(const codecs::Bytes& file, const std::string& path) : path_(path), file_(file) {
    png_ = png_create_read_struct(
        PNG_LIBPNG_VER_STRING, this,
        [](png_structp png, png_const_charp text) {
          auto& self = *static_cast<PngDecoder*>(png_get_error_ptr(png));
          std::snprintf(self.message_, sizeof self.message_, "%s", text);
          png_longjmp(png, 1);
        },
        [](png_structp, png_const_charp) {});
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    require(info_ != nullptr, "memory for a PNG decoder");
    png_set_read_fn(png_, this, read_piece);
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// Reads what stands before the pixels, and makes them RGB or, where something may be transparent, RGBA.
  void read_header() {
    require(run([](PngDecoder& d) {
              png_read_info(d.png_, d.info_);
              png_set_expand(d.png_);
              png_set_scale_16(d.png_);
              png_set_gray_to_rgb(d.png_);
              d.passes_ = png_set_interlace_handling(d.png_);
              png_read_update_info(d.png_, d.info_);
            }),
            "a PNG header");
  }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t channels() const { return png_get_channels(png_, info_); }

  /// Decodes all rows, of channels() values a pixel, and reads the rest of the file; row y goes to rows + y * stride.
  void decode(std::uint8_t* rows, std::int64_t stride) {
    rows_ = rows;
    stride_ = stride;
    require(run([](PngDecoder& d) {
              const auto height = static_cast<std::int64_t>(png_get_image_height(d.png_, d.info_));
              for (int pass = 0; pass < d.passes_; ++pass) {
                for (std::int64_t y = 0; y < height; ++y) png_read_row(d.png_, d.rows_ + y * d.stride_, nullptr);
              }
              png_read_end(d.png_, d.info_);
            }),
            "an undamaged PNG file");
  }

  /// The Exif data of the file (chunk eXIf, PNG 3rd edition, section 11.3.3.4), with the signature that they have in
  /// JPEG files; empty when there are none. After decode(), because they may come behind the pixels.
  codecs::Bytes exif() {
    png_bytep data = nullptr;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(png_, info_, &size, &data) == 0) return {};
    codecs::Bytes exif{'E', 'x', 'i', 'f', 0, 0};
    exif.insert(exif.end(), data, data + size);
    return exif;
  }

 private:
  /// Calls steps(*this), which has no variables with destructors; false when libpng found an error.
  bool run(void (*steps)(PngDecoder&)) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    steps(*this);
    return true;
  }
  static void read_piece(png_structp png, png_bytep out, std::size_t count) {
    auto& self = *static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > self.file_.size() - self.next_) png_error(png, "the file ends too early");
    std::copy_n(self.file_.data() + self.next_, count, out);
    self.next_ += count;
  }
  void require(bool done, const char* expected) const {
    check(done, "read_image: expected {}, got: {}; in {}", expected, static_cast<const char*>(message_), path_);
  }

  const std::string& path_;
  const codecs::Bytes& file_;
  std::size_t next_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  char message_[200] = "no reason given";
  int passes_ = 1;
  std::uint8_t* rows_ = nullptr;
  std::int64_t stride_ = 0;
};

}  // namespace

namespace codecs {

Photograph decode_png(const Bytes& file, const std::string& path) {
  PngDecoder png(file, path);
  png.read_header();
  Tensor image = image_for(png.height(), png.width(), path);
  auto* rgb = image.mutable_data<std::uint8_t>();
  if (png.channels() == 3) {
    png.decode(rgb, 3 * png.width());
  } else {
    const std::int64_t pixels = image.size() / 3;
    const kernels::Workspace<std::uint8_t> rgba(4 * pixels);
    png.decode(rgba.data(), 4 * png.width());
    flatten(rgba.data(), pixels, rgb);
  }
  return {std::move(image), exif_orientation(png.exif())};
}

void check_png(const Bytes& file, const std::string& path) {
  PngDecoder png(file, path);
  png.read_header();
  check_extents(png.height(), png.width(), path);
  Bytes row(static_cast<std::size_t>(4 * png.width()));
  png.decode(row.data(), 0);
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
