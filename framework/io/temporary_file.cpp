#include "framework/io/temporary_file.hpp"

#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "framework/error.hpp"

namespace xtape {

TemporaryFile::TemporaryFile(std::string_view function) {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
  std::string name = (folder / "xtape-XXXXXX").string();
  const int descriptor = failed ? -1 : mkstemp(name.data());
  check(descriptor >= 0, "{}: expected to make a temporary file in {}, got a failure; TMPDIR names another folder",
        function, folder.string());
  close(descriptor);
  path_ = name;
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace xtape
