#include "framework/io/helper_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sys/socket.h>
#include <sys/wait.h>
#include <vector>

#include "framework/helper_folders.hpp"
#include "framework/io/channel.hpp"
#include "framework/io/hdf5.hpp"
#include "tests/support/sanitizers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
namespace fs = std::filesystem;
using Texts = HelperProcess::Texts;

namespace {

/// The test helper, which is in the folder of this program.
fs::path test_helper() { return fs::canonical("/proc/self/exe").parent_path() / "test_helper"; }

/// How a helper ends after this request.
std::string end_after(const std::string& what) {
  HelperProcess helper("test", test_helper());
  CHECK_FALSE(helper.ask({what}));
  CHECK_FALSE(helper.ask({what}));
  return helper.end();
}

/// Sets an environment variable until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("a helper receives and sends texts and bytes of any size") {
  const Texts texts{"echo", "", std::string("a\0b", 3), std::string(3'000'000, 'x')};
  HelperProcess helper("test", test_helper());
  for (int i = 0; i < 2; ++i) {
    CHECK(helper.ask(texts) == texts);
    std::string bytes(texts.back().size(), ' ');
    CHECK(helper.receive_bytes(bytes.data(), bytes.size()));
    CHECK(bytes == texts.back());
    CHECK(helper.ask({"receive", std::to_string(bytes.size())}, bytes.data(), bytes.size()) == Texts{});
    std::string back(bytes.size(), ' ');
    CHECK(helper.receive_bytes(back.data(), back.size()));
    CHECK(back == bytes);
  }
  CHECK(helper.end() == "exit status 0");
  CHECK(helper.end() == "ended before");
  CHECK_FALSE(helper.ask(texts));
}

TEST_CASE("the texts of a message together are at most 512 MiB, and there are at most 2^20") {
  const std::uint64_t most = std::uint64_t{1} << 29, most_texts = std::uint64_t{1} << 20;
  // A message made by hand: a number of texts, then the size and the bytes of each. Returns whether all of it is read.
  const auto is_read = [](const std::vector<std::uint64_t>& numbers_and_letters) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    Channel sender(ends[0]), receiver(ends[1]);
    for (std::size_t i = 0; i < numbers_and_letters.size(); ++i) {
      REQUIRE(sender.send_bytes(&numbers_and_letters[i], sizeof(std::uint64_t)));
    }
    sender.shut_down();
    Texts texts;
    receiver.receive(texts);
    char letter = 0;
    return !receiver.receive_bytes(&letter, 1);
  };
  // a text of 8 bytes, then a text with the largest size or a larger one, of which 8 bytes are sent
  CHECK(is_read({2, 8, 0, most - 8, 0}));
  CHECK_FALSE(is_read({2, 8, 0, most - 7, 0}));
  CHECK(is_read({1, most, 0}));
  CHECK_FALSE(is_read({1, most + 1, 0}));
  CHECK(is_read({most_texts, 8, 0}));
  CHECK_FALSE(is_read({most_texts + 1, 8, 0}));
}

TEST_CASE("an Error of a helper is thrown in this process, and the helper can still be used") {
  HelperProcess helper("test", test_helper());
  CHECK(test::error_of([&] { helper.ask({"error"}); }) == "test_helper: expected nothing, got error");
  CHECK(helper.ask({"nothing"}) == Texts{});
}

TEST_CASE("the end of a helper is described by exit status or signal") {
  CHECK(end_after("leave") == "exit status 1");
  CHECK(end_after("abort") == "Aborted");
  if (!test::address_sanitizer() && !test::thread_sanitizer()) CHECK(end_after("fault") == "Segmentation fault");
}

TEST_CASE("a helper that ends during a large message does not stop this process") {
  HelperProcess helper("test", test_helper());
  const std::string bytes(std::size_t{8} << 20, 'x');
  CHECK_FALSE(helper.ask({"leave"}, bytes.data(), bytes.size()));
}

TEST_CASE("a helper cannot allocate memory beyond its limit") {
  HelperProcess helper("test", test_helper());
  CHECK(helper.ask({"allocate"}) == Texts{"refused"});
}

TEST_CASE("a helper inherits no descriptor except its connection") {
  const int inherited = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  REQUIRE(fcntl(inherited, F_DUPFD, 200) >= 200);
  HelperProcess first("test", test_helper()), second("test", test_helper());
  for (HelperProcess* helper : {&first, &second}) {
    auto descriptors = helper->ask({"descriptors"}).value();
    std::ranges::sort(descriptors);
    CHECK(descriptors == Texts{"0", "1", "2", "3"});
  }
  CHECK(first.end() == "exit status 0");  // although the second one is running
  CHECK(second.ask({"nothing"}) == Texts{});
  close(inherited);
  close(200);
}

TEST_CASE("Ctrl-C does not end a helper") {
  HelperProcess helper("test", test_helper());
  CHECK(helper.ask({"interrupt"}) == Texts{});
}

TEST_CASE("a helper ends even if a forked child has its connection, and the child cannot use it") {
  HelperProcess helper("test", test_helper());
  const pid_t copy = fork();
  if (copy == 0) {
    const bool usable = helper.ask({"nothing"}).has_value();
    helper.end();
    std::_Exit(usable ? 1 : 0);
  }
  int status = -1;
  REQUIRE(waitpid(copy, &status, 0) == copy);
  CHECK(status == 0);
  CHECK(helper.ask({"nothing"}) == Texts{});
  const pid_t waiting = fork();
  if (waiting == 0) {
    alarm(600);
    pause();
  }
  CHECK(helper.end() == "exit status 0");
  kill(waiting, SIGKILL);
  waitpid(waiting, &status, 0);
}

TEST_CASE("a helper that ends before it replies counts as not started") {
  const test::TemporaryFolder folder;
  const Environment set("XTAPE_HELPERS", folder.path().string());
  const fs::path program = folder / "xtape-hdf5";
  std::ofstream(folder / "file") << "text";
  for (const int status : {0, 127}) {  // 127: the exit status of the dynamic linker when a library is missing
    std::ofstream(program) << "#!/bin/sh\nexit " << status << "\n";
    fs::permissions(program, fs::perms::owner_all);
    CHECK(test::error_of([&] { load_hdf5(folder / "file", "x"); }) ==
          fmt::format("load_hdf5: expected the program {} to start, got exit status {}; is libhdf5 installed?",
                      program.string(), status));
    fs::remove(program);
  }
}

TEST_CASE("the folder of helpers can be set, and a missing helper is an Error with advice") {
  CHECK(fs::exists(find_helper(hdf5_helper)));
  const test::TemporaryFolder folder;
  const Environment set("XTAPE_HELPERS", folder.path().string());
  CHECK(helper_folders() == std::vector<fs::path>{folder.path()});
  CHECK(find_helper(hdf5_helper).empty());
  const std::string expected = fmt::format(
      "load_hdf5: expected the helper program xtape-hdf5 in {}, got none; build xtape with libhdf5-dev installed, or "
      "set XTAPE_HELPERS to the folder that has the program",
      folder.path().string());
  std::ofstream(folder / "file") << "text";
  CHECK(test::error_of([&] { load_hdf5(folder / "file", "x"); }) == expected);
  std::ofstream(folder / "xtape-hdf5") << "no program";  // not executable
  CHECK(find_helper(hdf5_helper).empty());
  CHECK(test::error_of([&] { load_hdf5(folder / "file", "x"); }) == expected);
  fs::remove(folder / "xtape-hdf5");
  fs::create_symlink(test_helper(), folder / "xtape-hdf5");
  CHECK(find_helper(hdf5_helper) == folder / "xtape-hdf5");
  std::ofstream(folder / "xtape-draw") << "text";
  fs::permissions(folder / "xtape-draw", fs::perms::owner_all);
  CHECK_THAT(test::error_of([&] { HelperProcess("test", draw_helper); }),
             Catch::Contains("test: expected to start the program ") && Catch::Contains("got: Exec format error"));
}
