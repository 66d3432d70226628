// The rule of the test programs for files that stay open.
#include <fcntl.h>

#include <array>
#include <cstdio>
#include <sys/wait.h>

#include "tests/support/support.hpp"

using namespace xtape;
using Catch::Contains;

TEST_CASE("leaves a file open", "[.]") {
  CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);  // NOLINT(cppcoreguidelines-pro-type-vararg)
}

TEST_CASE("a test case that leaves a file open fails") {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::FILE* const pipe = popen(fmt::format("'{}' 'leaves a file open'", program).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (std::array<char, 256> part{}; std::fgets(part.data(), part.size(), pipe);) text += part.data();
  const int status = pclose(pipe);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  CHECK_THAT(text, Contains("1 files, pipes or sockets remain open\nfailed: leaves a file open (") &&
                       Contains("0 passed, 1 failed, 0 skipped"));
}
