// Replaces jpeg.cpp and png.cpp in a build without image libraries: every function throws Error.
#include "framework/error.hpp"
#include "framework/io/image.hpp"
#include "framework/io/image_codecs.hpp"

namespace xtape {
namespace {

[[noreturn]] void refuse(std::string_view function) {
  fail(
      "{}: expected a build of xtape with libjpeg, libpng and libexif, got one without; install "
      "libjpeg62-turbo-dev, libpng-dev and libexif-dev, and build xtape with -Dimages=enabled",
      function);
}

}  // namespace

codecs::Photograph codecs::decode_jpeg(const Bytes& /*file*/, const std::string& /*path*/) { refuse("read_image"); }
codecs::Photograph codecs::decode_png(const Bytes& /*file*/, const std::string& /*path*/) { refuse("read_image"); }
void codecs::check_jpeg(const Bytes& /*file*/, const std::string& /*path*/) { refuse("check_image"); }
void codecs::check_png(const Bytes& /*file*/, const std::string& /*path*/) { refuse("check_image"); }
int codecs::exif_orientation(const Bytes& /*exif*/) { refuse("read_image"); }

std::string encode_png(const Tensor& /*image*/) { refuse("encode_png"); }
void write_png(const std::filesystem::path& /*path*/, const Tensor& /*image*/) { refuse("write_png"); }

}  // namespace xtape
