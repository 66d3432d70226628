// InputFile: a file read at known offsets, with its path in every error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace xtape {

/// Size in bytes of a file about to be read by `function`. Error naming it and the path when there is no such file, it
/// is a folder or a device, or may not be read.
std::int64_t input_file_size(std::string_view function, const std::filesystem::path& path);

/// A regular file open for reading, by any number of threads at once.
class InputFile {
 public:
  /// Opens it; Error as input_file_size() does.
  InputFile(std::string_view function, const std::filesystem::path& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();
  std::int64_t size() const { return size_; }
  /// Reads `bytes` bytes from `offset` on. Error when the file does not hold them.
  void read(std::int64_t offset, void* target, std::int64_t bytes) const;

 private:
  std::string function_, path_;
  std::int64_t size_;
  int descriptor_;
};

}  // namespace xtape
