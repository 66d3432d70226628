#include "framework/io/input_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/error.hpp"

namespace xtape {

std::int64_t input_file_size(std::string_view function, const std::filesystem::path& path) {
  const bool readable = access(path.c_str(), R_OK) == 0;
  check(readable, "{}: expected a file that can be read, got {}: {}", function, path.string(), std::strerror(errno));
  check(std::filesystem::is_regular_file(path), "{}: expected a file, got {}, which is a {}", function, path.string(),
        std::filesystem::is_directory(path) ? "folder" : "device or a pipe");
  return static_cast<std::int64_t>(std::filesystem::file_size(path));
}

InputFile::InputFile(std::string_view function, const std::filesystem::path& path)
    : function_(function),
      path_(path.string()),
      size_(input_file_size(function, path)),
      stream_(path, std::ios::binary) {
  check(stream_.is_open(), "{}: expected a file that can be read, got {}: {}", function_, path_, std::strerror(errno));
}

void InputFile::read(std::int64_t offset, void* target, std::int64_t bytes) {
  stream_.seekg(offset);
  stream_.read(static_cast<char*>(target), bytes);
  check(stream_.good(), "{}: expected {} bytes at offset {} of {}, got the end of the file or a read error", function_,
        bytes, offset, path_);
}

}  // namespace xtape
