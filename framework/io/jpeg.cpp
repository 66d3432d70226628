// The order matters: jpeglib.h needs the headers before it, and jerror.h needs jpeglib.h.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <array>
#include <csetjmp>
#include <libexif/exif-data.h>
#include <memory>

#include "framework/error.hpp"
#include "framework/io/image_codecs.hpp"
#include "framework/kernels/memory/memory_pool.hpp"

namespace xtape::codecs {
namespace {

/// Whether a libjpeg warning has no effect on pixels: markers of unknown versions, and scan parameters that libjpeg
/// does not need. All other warnings mean missing or damaged data; check_message() decides about extra bytes.
bool is_harmless(int warning) {
  constexpr std::array harmless{JWRN_ADOBE_XFORM, JWRN_BOGUS_PROGRESSION, JWRN_JFIF_MAJOR, JWRN_NOT_SEQUENTIAL};
  return std::ranges::find(harmless, warning) != harmless.end();
}

/// Whether a libjpeg trace message announces a segment without picture data.
bool is_segment(int trace) {
  constexpr std::array segments{JTRC_ADOBE, JTRC_APP0, JTRC_APP14, JTRC_DAC,         JTRC_DHT,
                                JTRC_DQT,   JTRC_DRI,  JTRC_JFIF,  JTRC_MISC_MARKER, JTRC_SOF};
  return std::ranges::find(segments, trace) != segments.end();
}

/// The decompressor of libjpeg. It reports errors by longjmp, so no object with a destructor may be skipped.
class Decompressor {
 public:
  Decompressor(const Bytes& file, const std::string& path) : path_(path) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) { self(info).fail_with_message(); };
    errors_.emit_message = [](j_common_ptr info, int level) { self(info).check_message(info->err->msg_code, level); };
    require(run([](Decompressor& d) { jpeg_create_decompress(&d.info_); }), "memory for a JPEG decoder");
    progress_.progress_monitor = [](j_common_ptr info) { self(info).check_scans(); };
    info_.progress = &progress_;
    file_ = &file;
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&info_); }

  void read_header() {
    const bool done = run([](Decompressor& d) {
      jpeg_mem_src(&d.info_, d.file_->data(), d.file_->size());
      jpeg_save_markers(&d.info_, JPEG_APP0 + 1, 0xFFFF);
      jpeg_read_header(&d.info_, TRUE);
    });
    require(done, "a JPEG header");
  }
  std::int64_t height() const { return info_.image_height; }
  std::int64_t width() const { return info_.image_width; }
  bool has_cmyk() const { return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK; }

  /// The Exif data without signature, from the first APP1 segment of the header that has any; other APP1 segments hold
  /// XMP, for example. Empty if there are none.
  Bytes exif() const {
    for (const jpeg_marker_struct* segment = info_.marker_list; segment; segment = segment->next) {
      Bytes data = without_exif_signature(Bytes(segment->data, segment->data + segment->data_length));
      if (data.size() < segment->data_length) return data;
    }
    return {};
  }

  /// Decodes all rows to rows + y * stride. A row has width / scale pixels with 3 values, or 4 for CMYK.
  void decode(unsigned scale, std::uint8_t* rows, std::size_t stride) {
    info_.out_color_space = has_cmyk() ? JCS_CMYK : JCS_RGB;
    info_.scale_num = 1;
    info_.scale_denom = scale;
    rows_ = rows;
    stride_ = stride;
    const bool done = run([](Decompressor& d) {
      jpeg_start_decompress(&d.info_);
      while (d.info_.output_scanline < d.info_.output_height) {
        JSAMPROW row = d.rows_ + d.info_.output_scanline * d.stride_;
        jpeg_read_scanlines(&d.info_, &row, 1);
      }
      jpeg_finish_decompress(&d.info_);
    });
    require(done, "an undamaged JPEG file");
  }

 private:
  static constexpr int most_scans = 500;

  static Decompressor& self(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }

  /// Calls steps(*this). Returns false if libjpeg reported an error. `steps` must not have variables with destructors.
  bool run(void (*steps)(Decompressor&)) {
    if (setjmp(jump_) != 0) return false;
    steps(*this);
    return true;
  }
  [[noreturn]] void fail_with_message() {
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), message_);
    std::longjmp(jump_, 1);
  }
  /// Fails for warnings that mean damage. Bytes that libjpeg skips before a marker are harmless after a segment without
  /// picture data. After picture data they mean that the data are damaged, unless they are zeros before the end marker.
  void check_message(int code, int level) {
    if (level >= 0) {
      if (code == JTRC_SOS) in_scan_ = true;
      if (is_segment(code)) in_scan_ = false;
    } else if (code == JWRN_EXTRANEOUS_DATA ? in_scan_ && !is_padding() : !is_harmless(code)) {
      fail_with_message();
    }
  }
  /// Whether the skipped bytes are a few zeros before the end of the image.
  bool is_padding() const {
    constexpr std::ptrdiff_t most = 16;
    const std::ptrdiff_t count = errors_.msg_parm.i[0];
    const auto* end = info_.src->next_input_byte;  // the end of the skipped bytes
    if (errors_.msg_parm.i[1] != JPEG_EOI || count > most || count > end - file_->data()) return false;
    return std::all_of(end - count, end, [](JOCTET byte) { return byte == 0; });
  }
  /// Refuses images with very many scans, because each scan takes the time of decoding a whole image.
  void check_scans() {
    if (info_.input_scan_number <= most_scans) return;
    std::snprintf(message_, sizeof message_, "more than %d scans", most_scans);
    std::longjmp(jump_, 1);
  }
  void require(bool done, const char* expected) const {
    check(done, "read_image: expected {}, got: {}; in {}", expected, static_cast<const char*>(message_), path_);
  }

  const std::string& path_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = "";
  const Bytes* file_ = nullptr;
  bool in_scan_ = false;  // whether the last segment was the start of a scan
  std::uint8_t* rows_ = nullptr;
  std::size_t stride_ = 0;
};

/// Converts inverted CMYK, 255 for no ink, as Adobe and most others write it: R = C K / 255, and G and B likewise.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::int64_t pixels, std::uint8_t* rgb) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<std::uint8_t>((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
    }
  }
}

}  // namespace

Photograph decode_jpeg(const Bytes& file, const std::string& path) {
  Decompressor decompressor(file, path);
  decompressor.read_header();
  Tensor image = image_for(decompressor.height(), decompressor.width(), path);
  const int orientation = exif_orientation(decompressor.exif());  // before decode(), which frees the Exif data
  auto* rgb = image.mutable_data<std::uint8_t>();
  const auto width = static_cast<std::size_t>(decompressor.width());
  if (decompressor.has_cmyk()) {
    const std::int64_t pixels = image.size() / 3;
    const kernels::Workspace<std::uint8_t> cmyk(4 * pixels);
    decompressor.decode(1, cmyk.data(), 4 * width);
    cmyk_to_rgb(cmyk.data(), pixels, rgb);
  } else {
    decompressor.decode(1, rgb, 3 * width);
  }
  return {std::move(image), orientation};
}

void check_jpeg(const Bytes& file, const std::string& path) {
  Decompressor decompressor(file, path);
  decompressor.read_header();
  check_extents(decompressor.height(), decompressor.width(), path);
  // Decoding at an eighth of the size reads all data of the file but needs little arithmetic.
  Bytes row(4 * static_cast<std::size_t>(decompressor.width()));
  decompressor.decode(8, row.data(), 0);
}

Bytes without_exif_signature(Bytes data) {
  constexpr std::array<std::uint8_t, 5> signature{'E', 'x', 'i', 'f', 0};  // followed by a padding byte, 0 or 255
  const bool found = data.size() > signature.size() && std::equal(signature.begin(), signature.end(), data.begin()) &&
                     (data[signature.size()] == 0 || data[signature.size()] == 0xFF);
  if (found) data.erase(data.begin(), data.begin() + signature.size() + 1);
  return data;
}

int exif_orientation(const Bytes& exif) {
  if (exif.empty()) return 1;
  Bytes signed_exif{'E', 'x', 'i', 'f', 0, 0};  // libexif expects the signature
  signed_exif.insert(signed_exif.end(), exif.begin(), exif.end());
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(signed_exif.data(), static_cast<unsigned>(signed_exif.size())), exif_data_unref);
  if (!data) return 1;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2) return 1;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

}  // namespace xtape::codecs
