#include "framework/io/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <streambuf>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include "framework/error.hpp"
#include "framework/io/with_place.hpp"

namespace xtape {
namespace {

/// A file that a function writes, for messages.
struct Target {
  std::filesystem::path path;
  std::string prefix;  ///< "function: "

  /// Throws an Error with the message of errno unless `done`.
  void require(bool done) const {
    check(done, "{}expected to write {}, got: {}; the file is unchanged", prefix, path.string(), std::strerror(errno));
  }
};

// The name of a temporary file has the id of the process that writes it: .xtape-PROCESS-NUMBER.tmp.
constexpr std::string_view name_begin = ".xtape-", name_end = ".tmp";

/// A new file in the folder of the target. It is removed at the end of the scope unless it has replaced the target.
class ReplacingFile {
 public:
  explicit ReplacingFile(Target target) : target_(std::move(target)) {
    static std::atomic<unsigned> counter = 0;
    do {
      path_ = target_.path.parent_path() / fmt::format("{}{}-{}{}", name_begin, getpid(), counter++, name_end);
      descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EEXIST);
    target_.require(descriptor_ >= 0);
  }
  ReplacingFile(const ReplacingFile&) = delete;
  ReplacingFile& operator=(const ReplacingFile&) = delete;
  ~ReplacingFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(path_.c_str());
  }

  void write(const char* bytes, std::streamsize count) {
    while (count > 0) {
      const ssize_t written = ::write(descriptor_, bytes, static_cast<std::size_t>(count));
      if (written < 0 && errno == EINTR) continue;
      target_.require(written >= 0);
      bytes += written;
      count -= written;
    }
  }

  /// Flushes the file to the disk, gives it the permissions of the target and renames it to the target.
  void replace_target() {
    struct stat before {};
    const char* const path = target_.path.c_str();
    if (stat(path, &before) == 0) target_.require(fchmod(descriptor_, before.st_mode & 07777) == 0);
    target_.require(fsync(descriptor_) == 0);
    target_.require(close(std::exchange(descriptor_, -1)) == 0);
    target_.require(rename(path_.c_str(), path) == 0);
    renamed_ = true;
    sync_folder();
  }

 private:
  /// Flushes the new name to the disk. Failures are ignored, because the file is complete in any case.
  void sync_folder() const {
    const auto parent = target_.path.parent_path();
    const int folder = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
  }

  Target target_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

/// The stream buffer: collects small writes and passes large ones on directly.
class FileBuffer : public std::streambuf {
 public:
  explicit FileBuffer(ReplacingFile& file) : file_(file), buffer_(1 << 16) { reset(); }

 protected:
  int_type overflow(int_type c) override {
    sync();
    return traits_type::eq_int_type(c, traits_type::eof()) ? traits_type::not_eof(c) : sputc(static_cast<char>(c));
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    if (count < epptr() - pptr()) {
      std::memcpy(pptr(), bytes, static_cast<std::size_t>(count));
      pbump(static_cast<int>(count));
    } else {
      sync();
      file_.write(bytes, count);
    }
    return count;
  }
  int sync() override {
    file_.write(pbase(), pptr() - pbase());
    reset();
    return 0;
  }

 private:
  void reset() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }

  ReplacingFile& file_;
  std::vector<char> buffer_;
};

/// The target of a chain of symbolic links, whether it exists or not; other paths unchanged. `prefix` is for messages.
std::filesystem::path resolved(const std::filesystem::path& path, const std::string& prefix) {
  constexpr int most_links = 40;  // the limit of Linux
  std::filesystem::path result = path;
  std::error_code error;
  for (int links = 0; std::filesystem::is_symlink(result, error); ++links) {
    check(links < most_links, "{}expected the name of a file, got {}, a symbolic link that leads to itself", prefix,
          path.string());
    result =
        result.parent_path() / std::filesystem::read_symlink(result, error);  // an absolute one replaces the parent
  }
  return result;
}

}  // namespace

void write_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write,
                      std::string_view function) {
  const std::string prefix = function.empty() ? "" : std::string(function) + ": ";
  check_path(function, path);
  const std::filesystem::path target = resolved(path, prefix);
  std::error_code error;
  const auto type = std::filesystem::status(target, error).type();
  check(type != std::filesystem::file_type::directory && target.has_filename(), "{}expected the name of a file, got {}",
        prefix, path.empty() ? path_text(path) : fmt::format("the folder \"{}\"", path.string()));
  check(!std::filesystem::exists(target, error) || type == std::filesystem::file_type::regular,
        "{}expected a file to write to, got {}, which is a device or a pipe", prefix, path.string());
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  check(std::filesystem::is_directory(folder, error), "{}expected to write {}, got no folder {}; make it first", prefix,
        path.string(), folder.string());
  ReplacingFile file({target, prefix});
  FileBuffer buffer(file);
  std::ostream out(&buffer);
  out.exceptions(std::ios::badbit);  // propagates the Error that the buffer throws
  write(out);
  out.flush();
  check(out.good(), "{}expected to write {}, got a stream that failed", prefix, path.string());
  file.replace_target();
}

void remove_leftovers(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with(name_begin) || !name.ends_with(name_end)) continue;
    pid_t process = 0;
    std::from_chars(name.data() + name_begin.size(), name.data() + name.size(), process);
    std::error_code ignored;
    if (process > 0 && kill(process, 0) != 0 && errno == ESRCH) std::filesystem::remove(entry->path(), ignored);
  }
}

}  // namespace xtape
