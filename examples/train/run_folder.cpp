#include "examples/train/run_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/file.h>
#include <utility>
#include <xtape/xtape.hpp>

#include "framework/io/atomic_file.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

/// Error unless a file can be written there.
void try_to_write(const fs::path& folder) {
  const fs::path probe = folder / ".probe";
  const bool written = static_cast<bool>(std::ofstream(probe) << "probe" << std::flush);
  std::error_code ignored;
  fs::remove(probe, ignored);
  check(written, "train: expected to be able to write into the folder {}, got an error; name another with --output",
        folder.string());
}

}  // namespace

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), lock_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  check(lock_ >= 0, "train: expected a folder that can be read, got {}: {}", path_.string(), std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = std::exchange(errno, 0);
  if (error == EWOULDBLOCK) close(std::exchange(lock_, -1));
  check(error != EWOULDBLOCK,
        "train: expected a folder that no other run is using, got {}; wait for its end, or name another with --output",
        path_.string());
  fmt::print(stderr, "train: {} can't be locked ({}): see that no other run uses it\n", path_.string(),
             std::strerror(error));  // a file system without locks
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

RunFolder RunFolder::make(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check(!error, "train: expected to be able to make the folder {}, got: {}", path.string(), error.message());
  RunFolder folder(path);
  const bool holds_run = fs::exists(path / settings_file, error) || !checkpoints_in(path / "checkpoints").empty();
  check(!holds_run,
        "train: expected a folder without a run after --output, got {}; go on with its run by --resume {}, or name "
        "another folder",
        path.string(), path.string());
  try_to_write(path);
  return folder;
}

RunFolder RunFolder::reopen(const fs::path& path) {
  RunFolder folder(path);
  try_to_write(path);
  remove_leftovers(path);
  return folder;
}

}  // namespace xtape
