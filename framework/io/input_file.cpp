#include "framework/io/input_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "framework/error.hpp"
#include "framework/io/with_place.hpp"

namespace xtape {

std::int64_t input_file_size(std::string_view function, const std::filesystem::path& path) {
  check_path(function, path);
  const bool readable = access(path.c_str(), R_OK) == 0;
  check(readable, "{}: expected a file that can be read, got {}: {}", function, path_text(path), std::strerror(errno));
  check(std::filesystem::is_regular_file(path), "{}: expected a file, got {}, which is a {}", function, path.string(),
        std::filesystem::is_directory(path) ? "folder" : "device or a pipe");
  return static_cast<std::int64_t>(std::filesystem::file_size(path));
}

InputFile::InputFile(std::string_view function, const std::filesystem::path& path)
    : function_(function),
      path_(path.string()),
      size_(input_file_size(function, path)),
      descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  check(descriptor_ >= 0, "{}: expected a file that can be read, got {}: {}", function_, path_, std::strerror(errno));
}

InputFile::~InputFile() { close(descriptor_); }

void InputFile::read(std::int64_t offset, void* target, std::int64_t bytes) const {
  auto* next = static_cast<char*>(target);
  for (std::int64_t done = 0; done < bytes;) {
    constexpr std::int64_t most = std::int64_t{1} << 30;  // Linux reads no more than 2 GiB at once
    const ssize_t count =
        pread(descriptor_, next + done, static_cast<std::size_t>(std::min(bytes - done, most)), offset + done);
    if (count < 0 && errno == EINTR) continue;
    check(count >= 0, "{}: expected {} bytes at offset {} of {}, got a read error: {}", function_, bytes, offset, path_,
          std::strerror(errno));
    check(count > 0, "{}: expected {} bytes at offset {} of {}, got the end of the file", function_, bytes, offset,
          path_);
    done += count;
  }
}

}  // namespace xtape
