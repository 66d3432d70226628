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

struct ZipFile::Archive {};

ZipFile::ZipFile(std::string_view function, const std::filesystem::path& /*path*/) { refuse(function); }
ZipFile::~ZipFile() = default;
// There are no objects without libzip.
std::vector<std::string> ZipFile::names() const { refuse("ZipFile::names"); }
std::int64_t ZipFile::size(const std::string& /*name*/) const { refuse("ZipFile::size"); }
std::string ZipFile::read(const std::string& /*name*/) const { refuse("ZipFile::read"); }

void write_zip(std::string_view function, std::ostream& /*out*/, const std::vector<ZipEntry>& /*entries*/) {
  refuse(function);
}

}  // namespace xtape
