// The folder of a run. It has the settings of the run, and is locked so that no other run writes to it.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

namespace xtape {

/// The file in the folder with the options of the run's command line.
inline constexpr const char* settings_file = "settings.ini";

/// The folder of a run. It is locked while this object exists, at most until the process ends.
class RunFolder {
 public:
  /// The folder of a new run without a given folder: `path` or, if it exists, the first of path-2, path-3, ... that
  /// does not exist, so that no two runs use the same folder. Error when the folder cannot be created or written to.
  static RunFolder make_default(const std::filesystem::path& path);
  /// The folder of a new run with a given folder, which is created if it does not exist. Error when the folder cannot
  /// be created or written to, contains a run, or is used by another process; then nothing is written.
  static RunFolder make(const std::filesystem::path& path);
  /// The folder of a run that is resumed. Removes files that were not completely written. Errors as above, but the
  /// folder may contain a run.
  static RunFolder reopen(const std::filesystem::path& path);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit RunFolder(std::filesystem::path path);

  std::filesystem::path path_;
  int lock_ = -1;  // descriptor of the locked folder
};

}  // namespace xtape
