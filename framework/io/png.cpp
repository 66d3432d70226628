#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <new>
#include <utility>

#include "framework/error.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/image.hpp"
#include "framework/io/image_codecs.hpp"
#include "framework/kernels/memory/memory_pool.hpp"

namespace xtape {
namespace {

/// Error handling of libpng: stores the message and leaves the libpng function by longjmp. Also raises libpng's limit
/// of 1,000,000 pixels for width and height, because max_image_pixels limits the size.
struct PngErrors {
  static void fail(png_structp png, png_const_charp text) {
    auto& errors = *static_cast<PngErrors*>(png_get_error_ptr(png));
    std::snprintf(errors.message, sizeof errors.message, "%s", text);
    png_longjmp(png, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void lift_limits(png_structp png) { png_set_user_limits(png, max_image_pixels, max_image_pixels); }

  char message[200] = "no reason given";
};

/// The encoder of libpng. It reports errors by longjmp, so no object with a destructor may be skipped.
class PngEncoder {
 public:
  explicit PngEncoder(const Tensor& image)
      : image_(image),
        png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, &errors_, PngErrors::fail, PngErrors::ignore)),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {
    require(info_ != nullptr);
    PngErrors::lift_limits(png_);
    png_set_write_fn(png_, this, write_piece, [](png_structp) {});
  }
  PngEncoder(const PngEncoder&) = delete;
  PngEncoder& operator=(const PngEncoder&) = delete;
  ~PngEncoder() { png_destroy_write_struct(&png_, &info_); }

  std::string encode() {
    require(write());
    return std::move(file_);
  }

 private:
  bool write() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const std::int64_t stride = image_.dim(1) * image_.dim(2);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(image_.dim(1)), static_cast<png_uint_32>(image_.dim(0)), 8,
                 image_.dim(2) == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(png_, info_, PNG_sRGB_INTENT_PERCEPTUAL);
    png_write_info(png_, info_);
    for (std::int64_t y = 0; y < image_.dim(0); ++y) png_write_row(png_, image_.data<std::uint8_t>() + y * stride);
    png_write_end(png_, info_);
    return true;
  }
  static void write_piece(png_structp png, png_bytep bytes, std::size_t count) {
    auto& file = static_cast<PngEncoder*>(png_get_io_ptr(png))->file_;
    try {
      file.append(reinterpret_cast<const char*>(bytes), count);
      return;
    } catch (const std::bad_alloc&) {  // an exception must not propagate through C code
    }
    png_error(png, "not enough memory");
  }
  void require(bool done) const {
    check(done, "encode_png: expected to encode an image {}, got: {}", image_.shape(),
          static_cast<const char*>(errors_.message));
  }

  const Tensor& image_;
  PngErrors errors_;
  std::string file_;
  png_structp png_;
  png_infop info_;
};

/// Blends RGBA pixels with a white background.
void flatten(const std::uint8_t* rgba, std::int64_t pixels, std::uint8_t* rgb) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const int alpha = rgba[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<std::uint8_t>((rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

/// The decoder of libpng. It reports errors by longjmp, so no object with a destructor may be skipped. Pixels have the
/// values in the file, without gamma and colour profiles; 16 bits are rounded to 8. Palette indices are looked up here,
/// because libpng draws those beyond the palette as black, which are errors (PNG third edition, section 11.2.2).
class PngDecoder {
 public:
  PngDecoder(const codecs::Bytes& file, const std::string& path) : path_(path), file_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors_, PngErrors::fail, PngErrors::ignore);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    require(info_ != nullptr, "memory for a PNG decoder");
    PngErrors::lift_limits(png_);
    // Keeps the chunk unparsed, because libpng drops Exif data that have a signature.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_ALWAYS, reinterpret_cast<png_const_bytep>("eXIf"), 1);
    png_set_read_fn(png_, this, read_piece);
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// Reads the header and sets the pixel format: RGB, or RGBA if the image may have transparent pixels.
  void read_header() {
    require(run([](PngDecoder& d) {
              png_read_info(d.png_, d.info_);
              if (png_get_color_type(d.png_, d.info_) == PNG_COLOR_TYPE_PALETTE) {
                png_get_PLTE(d.png_, d.info_, &d.palette_, &d.colours_);
                png_get_tRNS(d.png_, d.info_, &d.opacity_, &d.opacities_, nullptr);
                png_set_packing(d.png_);
              } else {
                png_set_expand(d.png_);
                png_set_scale_16(d.png_);
                png_set_gray_to_rgb(d.png_);
              }
              d.passes_ = png_set_interlace_handling(d.png_);
              png_read_update_info(d.png_, d.info_);
            }),
            "a PNG header");
  }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t channels() const { return !palette_ ? png_get_channels(png_, info_) : opacity_ ? 4 : 3; }

  /// Decodes all rows to rows + y * stride, with channels() values per pixel, and reads the rest of the file.
  void decode(std::uint8_t* rows, std::int64_t stride) {
    rows_ = rows;
    stride_ = stride;
    require(run([](PngDecoder& d) {
              for (int pass = 0; pass < d.passes_; ++pass) {
                for (std::int64_t y = 0; y < d.height(); ++y) png_read_row(d.png_, d.rows_ + y * d.stride_, nullptr);
              }
              if (d.palette_) {
                for (std::int64_t y = 0; y < d.height(); ++y) d.look_up(d.rows_ + y * d.stride_);
              }
              png_read_end(d.png_, d.info_);
            }),
            "an undamaged PNG file");
  }
  /// Throws the Errors of decode(). `row` has the size of a row, and is 0.
  void check_rows(std::uint8_t* row) {
    rows_ = row;
    require(run([](PngDecoder& d) {
              for (std::int64_t i = 0; i < d.passes_ * d.height(); ++i) {
                png_read_row(d.png_, d.rows_, nullptr);
                if (d.palette_) d.check_indices(d.rows_);
              }
              png_read_end(d.png_, d.info_);
            }),
            "an undamaged PNG file");
  }

  /// The Exif data of the file (chunk eXIf, PNG third edition, section 11.3.3.4), without the JPEG signature that some
  /// programs write; empty if there are none. Call it after decode(), because the chunk may follow the pixels.
  codecs::Bytes exif() {
    png_unknown_chunkp chunks = nullptr;
    const int count = png_get_unknown_chunks(png_, info_, &chunks);
    if (count == 0) return {};
    return codecs::without_exif_signature(codecs::Bytes(chunks[0].data, chunks[0].data + chunks[0].size));
  }

 private:
  /// Reports an error of libpng unless a row has indices of the palette.
  void check_indices(const std::uint8_t* row) {
    const int largest = *std::max_element(row, row + width());
    if (largest < colours_) return;
    std::snprintf(errors_.message, sizeof errors_.message, "the palette index %d where %d is the last", largest,
                  colours_ - 1);
    png_longjmp(png_, 1);
  }
  /// Replaces a row of indices, a byte for each, by colours, from the last to the first, which take more bytes.
  void look_up(std::uint8_t* row) {
    check_indices(row);
    const std::int64_t values = channels();
    for (std::int64_t x = width() - 1; x >= 0; --x) {
      const int index = row[x];
      const png_color colour = palette_[index];
      std::uint8_t* const pixel = row + values * x;
      pixel[0] = colour.red;
      pixel[1] = colour.green;
      pixel[2] = colour.blue;
      if (values == 4) pixel[3] = index < opacities_ ? opacity_[index] : 255;
    }
  }
  /// Calls steps(*this). Returns false if libpng reported an error. `steps` must not have variables with destructors.
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
    check(done, "read_image: expected {}, got: {}; in {}", expected, static_cast<const char*>(errors_.message), path_);
  }

  const std::string& path_;
  const codecs::Bytes& file_;
  std::size_t next_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  PngErrors errors_;
  int passes_ = 1;
  png_colorp palette_ = nullptr;  // null for other kinds of images
  int colours_ = 0;
  png_bytep opacity_ = nullptr;  // of the first colours of the palette; null if all are opaque
  int opacities_ = 0;
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
  png.check_rows(row.data());
}

}  // namespace codecs

std::string encode_png(const Tensor& image) {
  check(image.defined() && image.dtype() == DType::uint8 && image.rank() == 3 && image.size() > 0 &&
            (image.dim(2) == 3 || image.dim(2) == 1) && image.size() / image.dim(2) <= max_image_pixels,
        "encode_png: expected an image (height, width, 3 or 1) of uint8 with 1 to 2^28 pixels, got {}",
        image.defined() ? fmt::format("{} {}", image.dtype(), image.shape()) : "an undefined tensor");
  return PngEncoder(image).encode();
}

void write_png(const std::filesystem::path& path, const Tensor& image) {
  const std::string file = encode_png(image);
  write_atomically(
      path, [&](std::ostream& out) { out << file; }, "write_png");
}

}  // namespace xtape
