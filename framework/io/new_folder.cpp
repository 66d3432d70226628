#include "framework/io/new_folder.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include "framework/error.hpp"
#include "framework/io/with_place.hpp"

namespace xtape {

std::filesystem::path make_new_folder(std::string_view function, const std::filesystem::path& path) {
  check_path(function, path);
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  check(!error, "{}: expected to make the folder {}, got: {}", function, path.parent_path().string(), error.message());
  std::filesystem::path name = path;
  for (int number = 2; mkdir(name.c_str(), 0777) != 0; ++number) {
    check(errno == EEXIST, "{}: expected to make the folder {}, got: {}", function, name.string(),
          std::strerror(errno));
    name = path;
    name += fmt::format("-{}", number);
  }
  return name;
}

}  // namespace xtape
