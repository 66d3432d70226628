// Replaces zip.cpp in a build without libzip: every function throws Error.
#include "framework/error.hpp"
#include "framework/io/zip.hpp"

namespace xtape {
namespace {

[[noreturn]] void refuse(std::string_view function) {
  fail(
      "{}: expected a build of xtape with libzip, got one without; install libzip-dev, and build xtape with "
      "-Dzip=enabled",
      function);
}

}  // namespace

std::vector<ZipEntry> read_zip(std::string_view function, const std::filesystem::path& /*path*/,
                               const std::vector<std::string>& /*names*/) {
  refuse(function);
}
std::vector<std::string> zip_entry_names(std::string_view function, const std::filesystem::path& /*path*/) {
  refuse(function);
}
void write_zip(std::string_view function, std::ostream& /*out*/, const std::vector<ZipEntry>& /*entries*/) {
  refuse(function);
}

}  // namespace xtape
