#include "framework/io/temporary_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "framework/error.hpp"

namespace xtape {

namespace {

/// Makes something with a new name: make(name) replaces the last characters of the name, and returns whether it
/// succeeded.
template <class Make>
std::filesystem::path made(std::string_view function, std::string_view what, Make make) {
  const char* named = std::getenv("TMPDIR");
  const std::filesystem::path folder = named && *named ? named : "/tmp";
  std::string name = (folder / "xtape-XXXXXX").string();
  const bool done = make(name);
  check(done, "{}: expected to make a temporary {} in {}, got: {}; TMPDIR names another folder", function, what,
        folder.string(), std::strerror(errno));
  return name;
}

}  // namespace

TemporaryFile::TemporaryFile(std::string_view function)
    : path_(made(function, "file", [](std::string& name) {
        const int descriptor = mkstemp(name.data());
        return descriptor >= 0 && close(descriptor) == 0;
      })) {}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

TemporaryFolder::TemporaryFolder(std::string_view function)
    : path_(made(function, "folder", [](std::string& name) { return mkdtemp(name.data()) != nullptr; })) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace xtape
