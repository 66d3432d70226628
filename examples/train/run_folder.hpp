// The folder of a run: its settings, and that no other run writes into it.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

namespace xtape {

/// The file of a run's folder with the options that its command line gave.
inline constexpr const char* settings_file = "settings.ini";

/// A run's folder, which is its own as long as this lives, and so at most as long as the process does, however it ends.
class RunFolder {
 public:
  /// For a new run that was given no folder: `path` or, where that exists, the first of path-2, path-3, ... that does
  /// not, so that no two runs get the same. Error when it can't be made or written to.
  static RunFolder make_default(const std::filesystem::path& path);
  /// For a new run in a folder that was given: made when it is not there. Error, and nothing is written, when it
  /// can't be made or written to, holds a run, or is another process's at the moment.
  static RunFolder make(const std::filesystem::path& path);
  /// Of a run that resumes, without what it left half-written. Errors as above, but that it holds a run.
  static RunFolder reopen(const std::filesystem::path& path);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit RunFolder(std::filesystem::path path);

  std::filesystem::path path_;
  int lock_ = -1;  // an open folder, locked
};

}  // namespace xtape
