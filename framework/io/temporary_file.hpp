// TemporaryFile: a file in the folder for temporary files that exists as long as the object.
#pragma once

#include <filesystem>
#include <string_view>

namespace xtape {

/// An empty file that only this user can read. It is removed at the end of the scope.
class TemporaryFile {
 public:
  /// Makes the file. Error with `function` when the folder for temporary files cannot be written.
  explicit TemporaryFile(std::string_view function);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace xtape
