// In place of jpeg.cpp and png.cpp in a build without image libraries.
#include "framework/error.hpp"
#include "framework/io/image.hpp"
#include "framework/io/image_codecs.hpp"

namespace xtape {
namespace {

[[noreturn]] void refuse(std::string_view function) {
  fail(
      "{}: expected a build of xtape with libturbojpeg, libpng and libexif, got one without; install "
      "libturbojpeg0-dev, libpng-dev and libexif-dev, and build xtape with -Dimages=enabled",
      function);
}

}  // namespace

Tensor codecs::decode_jpeg(const Bytes& /*file*/, const std::string& /*path*/) { refuse("read_image"); }
Tensor codecs::decode_png(const Bytes& /*file*/, const std::string& /*path*/) { refuse("read_image"); }
int codecs::exif_orientation(const Bytes& /*file*/) { refuse("read_image"); }
codecs::Bytes codecs::png_exif(const Bytes& /*file*/) { refuse("read_image"); }

std::string encode_png(const Tensor& /*image*/) { refuse("encode_png"); }
void write_png(const std::filesystem::path& /*path*/, const Tensor& /*image*/) { refuse("write_png"); }

}  // namespace xtape
