// InputFile: a file that is open for reading at given offsets. Every Error has its path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace xtape {

/// The size in bytes of a file that `function` is about to read. Throws Error with `function` and the path if the file
/// does not exist, is a folder or a device, or is not readable.
std::int64_t input_file_size(std::string_view function, const std::filesystem::path& path);

/// A regular file that is open for reading. Any number of threads may read at once.
class InputFile {
 public:
  /// Opens the file. Throws the Errors of input_file_size().
  InputFile(std::string_view function, const std::filesystem::path& path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();
  std::int64_t size() const { return size_; }
  /// Reads `bytes` bytes at `offset`. Error if the file ends before.
  void read(std::int64_t offset, void* target, std::int64_t bytes) const;

 private:
  std::string function_, path_;
  std::int64_t size_;
  int descriptor_;
};

}  // namespace xtape
