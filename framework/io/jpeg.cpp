#include <turbojpeg.h>

#include <libexif/exif-data.h>
#include <memory>

#include "framework/error.hpp"
#include "framework/io/image_codecs.hpp"
#include "framework/kernels/memory_pool.hpp"

namespace xtape::codecs {
namespace {

/// libjpeg-turbo's decompressor through the interface that reports errors by return values.
class Decompressor {
 public:
  explicit Decompressor(const std::string& path) : path_(path), handle_(tjInitDecompress()) {
    check(handle_ != nullptr, "read_image: expected memory for a JPEG decoder, got none; for {}", path);
  }

  struct Header {
    int width, height, colors;
  };
  Header header(const Bytes& file) {
    Header h{};
    int subsampling = 0;
    const int status =
        tjDecompressHeader3(handle_.get(), file.data(), file.size(), &h.width, &h.height, &subsampling, &h.colors);
    require(status, "a JPEG header");
    check(h.width > 0 && h.height > 0,
          "read_image: expected a JPEG file that says its size, got one that ends or is damaged before that; in {}",
          path_);
    return h;
  }

  /// Warnings are errors too: libjpeg warns of a missing end and fills it with grey. A file of endless scans, each of
  /// which costs the time of the whole image, is refused.
  void decode(const Bytes& file, const Header& h, TJPF format, std::uint8_t* pixels) {
    const int status = tjDecompress2(handle_.get(), file.data(), file.size(), pixels, h.width, 0, h.height, format,
                                     TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS);
    require(status, "an undamaged JPEG file");
  }

 private:
  void require(int status, const char* expected) {
    check(status == 0, "read_image: expected {}, got: {}; in {}", expected, tjGetErrorStr2(handle_.get()), path_);
  }
  struct Destroyer {
    void operator()(void* handle) const { tjDestroy(handle); }
  };
  const std::string& path_;
  std::unique_ptr<void, Destroyer> handle_;
};

/// Adobe's programs write CMYK inverted, 255 for no ink, and everybody follows them: R = C K / 255.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::int64_t pixels, std::uint8_t* rgb) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<std::uint8_t>((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
    }
  }
}

}  // namespace

Tensor decode_jpeg(const Bytes& file, const std::string& path) {
  Decompressor decompressor(path);
  const auto header = decompressor.header(file);
  Tensor image = image_for(header.height, header.width, path);
  auto* rgb = image.mutable_data<std::uint8_t>();
  if (header.colors == TJCS_CMYK || header.colors == TJCS_YCCK) {
    const std::int64_t pixels = image.size() / 3;
    const kernels::Workspace<std::uint8_t> cmyk(4 * pixels);
    decompressor.decode(file, header, TJPF_CMYK, cmyk.data());
    cmyk_to_rgb(cmyk.data(), pixels, rgb);
  } else {
    decompressor.decode(file, header, TJPF_RGB, rgb);
  }
  return image;
}

int exif_orientation(const Bytes& file) {
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> exif(
      exif_data_new_from_data(file.data(), static_cast<unsigned>(file.size())), exif_data_unref);
  if (!exif) return 1;
  const ExifEntry* entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2) return 1;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

}  // namespace xtape::codecs
