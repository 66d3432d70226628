#define CATCH_CONFIG_RUNNER
#include "tests/support/support.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <limits>

namespace xtape::test {
namespace {

/// Set by skip() and read when the test case ends, because Catch2 2 has no skipped tests.
bool skipped_now = false;
int failed_cases = 0;

/// The number of open files, pipes and sockets of this process; 0 if the system does not list them.
std::ptrdiff_t open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/self/fd", error);
  return error ? 0 : std::distance(all, std::filesystem::directory_iterator());
}

using Listener = Catch::TestEventListenerBase;

/// Prints "failed: NAME (FILE:LINE)" for each test case that fails, and "N passed, N failed, N skipped" as the last
/// line of a test program. ./run test reads both. A test case that leaves files open fails.
class CountingListener : public Listener {
 public:
  using Listener::Listener;
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    Listener::testCaseStarting(info);
    skipped_now = false;
    open_before_ = open_descriptors();
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    Listener::testCaseEnded(stats);
    const std::ptrdiff_t left_open = open_descriptors() - open_before_;
    if (left_open > 0) std::cout << left_open << " files, pipes or sockets remain open" << std::endl;
    if (!stats.totals.assertions.allOk() || left_open > 0) {
      ++failed_cases;
      std::cout << "failed: " << stats.testInfo.name << " (" << stats.testInfo.lineInfo << ")" << std::endl;
    } else if (skipped_now) {
      ++skipped_;
    } else {
      ++passed_;
    }
  }
  void testRunEnded(const Catch::TestRunStats& stats) override {
    Listener::testRunEnded(stats);
    std::cout << passed_ << " passed, " << failed_cases << " failed, " << skipped_ << " skipped" << std::endl;
  }

 private:
  std::ptrdiff_t open_before_ = 0;
  int passed_ = 0, skipped_ = 0;
};
CATCH_REGISTER_LISTENER(CountingListener)

}  // namespace

void skip(const std::string& reason) {
  if (std::getenv("XTAPE_STRICT_SKIPS")) FAIL("expected to have all that tests need (XTAPE_STRICT_SKIPS): " << reason);
  skip_without_data(reason);
}

void skip_without_data(const std::string& reason) {
  skipped_now = true;
  std::cout << "skipped: " << Catch::getResultCapture().getCurrentTestName() << ": " << reason << '\n';
  throw Catch::TestFailureException();  // the exception of REQUIRE ends the test case without counting a failure
}

std::filesystem::path source_root() { return XTAPE_SOURCE_ROOT; }

std::filesystem::path file_beside(const std::string& name) {
  for (const auto& beside : std::filesystem::directory_iterator(source_root() / "..")) {
    if (std::filesystem::exists(beside.path() / name)) return beside.path() / name;
  }
  skip_without_data("no " + name + " in a folder beside the project");
}

std::filesystem::path signs_folder() {
  if (const char* folder = std::getenv("XTAPE_SIGNS")) return folder;
  return file_beside("datasets/signs/train_signs.h5").parent_path();
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "xtape-test-XXXXXX").string();
  if (!mkdtemp(name.data())) FAIL("no temporary folder can be made in " << std::filesystem::temp_directory_path());
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
  std::filesystem::remove_all(path_, ignored);
}

double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  const auto u = a.to_vector();
  const auto v = b.to_vector();
  double most = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double difference = std::abs(u[i] - v[i]);
    most = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(most, difference);
  }
  return most;
}

}  // namespace xtape::test

int main(int argc, char** argv) {
  const int status = Catch::Session().run(argc, argv);
  return status == 0 && xtape::test::failed_cases > 0 ? 1 : status;
}
