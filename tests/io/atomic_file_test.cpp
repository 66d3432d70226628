#include "framework/io/atomic_file.hpp"

#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "framework/io/input_file.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// The permissions that new files do not get until the end of the scope.
class FileMask {
 public:
  explicit FileMask(mode_t mask) : before_(umask(mask)) {}
  FileMask(const FileMask&) = delete;
  FileMask& operator=(const FileMask&) = delete;
  ~FileMask() { umask(before_); }

 private:
  mode_t before_;
};

/// Limits the size of files to `bytes` until the end of the scope, as on a full disk. A larger write fails without a
/// signal.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

void write_text(const std::filesystem::path& path, const std::string& text) {
  write_atomically(path, [&](std::ostream& out) { out << text; });
}

}  // namespace

TEST_CASE("write_atomically writes pieces of all sizes in order and leaves no other file") {
  const TemporaryFolder folder;
  const std::string large(200'000, 'x');
  write_atomically(folder / "file", [&](std::ostream& out) {
    out << "begin" << 1;
    out.put('\n');
    out << large << "end";
    for (int i = 0; i < 100'000; ++i) out.put('y');
  });
  CHECK(read_bytes(folder / "file") == "begin1\n" + large + "end" + std::string(100'000, 'y'));
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("write_atomically replaces a file and keeps its permissions") {
  const TemporaryFolder folder;
  write_text(folder / "file", "a longer text than the new one");
  std::filesystem::permissions(folder / "file",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_text(folder / "file", "new");
  CHECK(read_bytes(folder / "file") == "new");
  CHECK(std::filesystem::status(folder / "file").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("write_atomically gives a new file the permissions that the process allows") {
  const TemporaryFolder folder;
  using Perms = std::filesystem::perms;
  const auto read_and_write = Perms::owner_read | Perms::owner_write;
  for (const auto& [mask, permissions] :
       {std::pair{0077, read_and_write},
        {0027, read_and_write | Perms::group_read},
        {0, read_and_write | Perms::group_read | Perms::group_write | Perms::others_read | Perms::others_write}}) {
    const std::filesystem::path path = folder / std::to_string(mask);
    {
      const FileMask during(static_cast<mode_t>(mask));
      write_text(path, "new");
    }
    CHECK((std::filesystem::status(path).permissions() & Perms::all) == permissions);
  }
}

TEST_CASE("write_atomically writes through a symbolic link") {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  std::filesystem::create_symlink("file", folder / "link");
  write_text(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_bytes(folder / "file") == "new");
}

TEST_CASE("write_atomically creates the target of a broken link") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("later", folder / "link");
  std::filesystem::create_symlink(folder / "link", folder / "other");
  write_text(folder / "other", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_bytes(folder / "later") == "new");
}

TEST_CASE("write_atomically rejects invalid names with the reason") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK_THAT(error_of([&] { write_text(folder / "loop", "text"); }),
             Contains("expected the name of a file, got ") && Contains("a symbolic link that leads to itself"));
  CHECK_THAT(error_of([&] { write_text(folder / "missing" / "file", "text"); }),
             Contains("missing/file, got no folder " + (folder / "missing").string() + "; make it first"));
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("a full disk leaves the old file and no other") {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  // fails at the flush, and during the write
  for (const std::size_t size : {std::size_t{5000}, std::size_t{1'000'000}}) {
    const FileSizeLimit limit(4096);
    const std::string error = error_of([&] { write_text(folder / "file", std::string(size, 'x')); });
    CHECK(error == "expected to write " + (folder / "file").string() + ", got: File too large; the file is unchanged");
  }
  CHECK(read_bytes(folder / "file") == "old");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("an exception during writing leaves the old file and is passed on") {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  CHECK_THROWS_AS(write_atomically(folder / "file",
                                   [](std::ostream& out) {
                                     out << "half";
                                     throw std::logic_error("stop");
                                   }),
                  std::logic_error);
  CHECK_THAT(
      error_of([&] { write_atomically(folder / "file", [](std::ostream& out) { out.setstate(std::ios::failbit); }); }),
      Contains("expected to write ") && Contains("got a stream that failed"));
  CHECK(read_bytes(folder / "file") == "old");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("a path with a zero byte is an Error, and not cut off") {
  const TemporaryFolder folder;
  const std::string path = folder.path().string() + "/a" + std::string(1, '\0') + "b";
  const std::string message = "expected a path without zero bytes, got \"" + folder.path().string() + "/a?b\"";
  CHECK(error_of([&] { write_text(path, "x"); }) == message);
  CHECK(entries_in(folder.path()) == 0);
  write_text(folder / "a", "x");
  CHECK(error_of([&] { const InputFile file("read", path); }) == "read: " + message);
}

TEST_CASE("write_atomically names the path and the reason of a failure") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  const std::string place = folder.path().string();
  const std::vector<std::pair<std::string, std::string>> rows{
      {place + "/none/file",
       "expected to write " + place + "/none/file, got no folder " + place + "/none; make it first"},
      {place, "expected the name of a file, got the folder \"" + place + "\""},
      {place + "/", "expected the name of a file, got the folder \"" + place + "/\""},
      {place + "/loop", "expected the name of a file, got " + place + "/loop, a symbolic link that leads to itself"},
      {"", "expected the name of a file, got an empty path"},
      {"/dev/full", "expected a file to write to, got /dev/full, which is a device or a pipe"}};
  for (const auto& [path, message] : rows) {
    CHECK(error_of([&, &path = path] { write_text(path, "x"); }) == message);
    CHECK(error_of([&, &path = path] {
            write_atomically(
                path, [](std::ostream& out) { out << "x"; }, "save");
          }) == "save: " + message);
  }
  const FileSizeLimit limit(4096);
  const auto full = [](std::ostream& out) { out << std::string(5000, 'x'); };
  CHECK(error_of([&] { write_atomically(folder / "file", full, "save"); }) ==
        "save: expected to write " + place + "/file, got: File too large; the file is unchanged");
  CHECK_THAT(error_of([&] { write_text("/proc/file", "x"); }), Contains("/proc/file"));
}

TEST_CASE("threads that write the same file leave one complete version") {
  const TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (const char c : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&folder, c] { write_text(folder / "file", std::string(100'000, c)); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string bytes = read_bytes(folder / "file");
  CHECK(bytes == std::string(100'000, bytes.at(0)));
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("remove_leftovers removes the temporary files of ended processes, and no others") {
  const TemporaryFolder folder;
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  for (const std::string& name :
       {fmt::format(".xtape-{}-0.tmp", ended), fmt::format(".xtape-{}-0.tmp", getpid()), std::string(".xtape-.tmp"),
        std::string("file.tmp"), fmt::format("xtape-{}-0.tmp", ended), fmt::format(".xtape-{}-0.txt", ended)}) {
    write_text(folder / name, "half");
  }
  remove_leftovers(folder.path());
  CHECK_FALSE(std::filesystem::exists(folder / fmt::format(".xtape-{}-0.tmp", ended)));
  CHECK(entries_in(folder.path()) == 5);
  remove_leftovers(folder / "none");  // nothing to do
}

TEST_CASE("remove_leftovers keeps the temporary files of processes of other users") {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  write_text(folder / ".xtape-1-0.tmp", "half");
  const pid_t other = fork();
  if (other == 0) {  // this process may not send signals to process 1
    static_cast<void>(geteuid() == 0 && setuid(65534));
    remove_leftovers(folder.path());
    _exit(0);
  }
  waitpid(other, nullptr, 0);
  CHECK(entries_in(folder.path()) == 1);
}
