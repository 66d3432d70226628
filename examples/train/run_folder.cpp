#include "examples/train/run_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sys/file.h>
#include <utility>
#include <xtape/xtape.hpp>

#include "examples/program.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/new_folder.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

/// Error unless a file can be written in the folder.
void try_to_write(const fs::path& folder) {
  std::string probe = (folder / ".probe-XXXXXX").string();
  const int file = mkstemp(probe.data());  // a name that no file has
  const bool written = file >= 0 && write(file, "probe", 5) == 5;
  const int error = errno;
  if (file >= 0) close(file);
  if (file >= 0) unlink(probe.c_str());
  check(written, "train: expected to be able to write into the folder {}, got: {}; name another with --output",
        folder.string(), std::strerror(error));
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
  std::cerr << fmt::format("train: {} can't be locked ({}): see that no other run uses it\n", path_.string(),
                           std::strerror(error));  // a file system without locks
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

RunFolder RunFolder::make_default(const fs::path& path) {
  RunFolder folder(make_new_folder("train", path));
  try_to_write(folder.path());
  return folder;
}

RunFolder RunFolder::make(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check(!error, "train: expected to be able to make the folder {}, got: {}", path.string(), error.message());
  RunFolder folder(path);
  const bool holds_run = fs::exists(path / settings_file, error) || !checkpoints_in(path / "checkpoints").empty();
  check(!holds_run,
        "train: expected a folder without a run after --output, got {}; resume its run with --resume {}, or name "
        "another folder",
        path.string(), shell_text(path.string()));
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
