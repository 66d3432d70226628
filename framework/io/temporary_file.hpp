// TemporaryFile and TemporaryFolder: in the folder for temporary files, as long as the object exists.
#pragma once

#include <filesystem>
#include <string>
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

/// An empty folder that only this user can use. It is removed with its content at the end of the scope.
class TemporaryFolder {
 public:
  /// Makes the folder. Error with `function` when the folder for temporary files cannot be written.
  explicit TemporaryFolder(std::string_view function);
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  /// The path of a file in the folder.
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace xtape
