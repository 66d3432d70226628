// Ranks that are processes, started by mpirun. Skipped where it or xtape-mpi is missing. The environment variable
// XTAPE_MPIRUN names another mpirun.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <sstream>

#include "framework/communication/communicator.hpp"
#include "framework/helper_folders.hpp"
#include "tests/support/background_program.hpp"
#include "tests/support/sanitizers.hpp"

using namespace xtape;
using test::BackgroundProgram;
namespace fs = std::filesystem;

namespace {

/// The path of mpirun; skips the test when there is none.
fs::path mpirun() {
  if (test::thread_sanitizer()) test::skip("MPI is not instrumented for the thread sanitizer");
  bool module = false;
  for (const fs::path& folder : helper_folders()) module = module || fs::exists(folder / "xtape-mpi.so");
  if (!module) test::skip("xtape was built without MPI");
  if (const char* named = std::getenv("XTAPE_MPIRUN")) return named;
  std::stringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (fs::exists(fs::path(folder) / "mpirun")) return fs::path(folder) / "mpirun";
  }
  test::skip("mpirun is not installed");
}

/// A run of mpi_program, which lies beside this program. Under the address sanitizer MPI's leaks are ignored.
std::vector<std::string> command(int size, const std::string& what) {
  const fs::path program = mpirun();
  std::vector<std::string> words{"/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0", program};
  BackgroundProgram version({program, "--version"});
  version.wait();
  if (version.text().find("Open MPI") != std::string::npos || version.text().find("OpenRTE") != std::string::npos) {
    words.insert(words.end(), {"--allow-run-as-root", "--oversubscribe"});
  }
  words.insert(words.end(),
               {"-n", std::to_string(size), fs::canonical("/proc/self/exe").parent_path() / "mpi_program", what});
  return words;
}

struct Ending {
  int status;
  std::string text;

  int count(const std::string& words) const {
    int found = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
    return found;
  }
};

Ending run(int size, const std::string& what) {
  BackgroundProgram program(command(size, what));
  const int status = program.wait();
  return {status, program.text()};
}

/// The processes of the ranks, from "rank 1 of 3 is process 4711 now".
std::map<int, pid_t> processes(const std::string& text) {
  static const std::regex line("rank ([0-9]+) of [0-9]+ is process ([0-9]+) now");
  std::map<int, pid_t> found;
  for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match) {
    found[std::stoi((*match)[1])] = std::stoi((*match)[2]);
  }
  return found;
}

/// Whether the process exists and is not only waiting to be collected.
bool lives(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string number, name, state;
  return static_cast<bool>(file >> number >> name >> state) && state != "Z" && state != "X";
}

}  // namespace

TEST_CASE("operations between processes give what their definitions say") {
  for (const int size : {1, 2, 3, 4}) {
    const Ending ending = run(size, "compute");
    INFO(ending.text);
    CHECK(ending.status == 0);
    CHECK(ending.count(fmt::format("of {} is process", size)) == size);
    CHECK(ending.count("a rank has ended in good order") == size);
  }
}

TEST_CASE("a process that throws ends all with its message") {
  for (const int size : {2, 4}) {
    const Ending ending = run(size, "throw");
    INFO(ending.text);
    CHECK(ending.status != 0);
    CHECK(ending.count("the disk is full\n") >= 1);  // mpirun may kill the others before they print it too
    CHECK(ending.count("in good order") == 0);
  }
}

TEST_CASE("processes that disagree, leave early or stop are named") {
  const Ending differ = run(3, "differ"), leave = run(3, "leave"), stop = run(3, "stop"), halt = run(3, "halt");
  INFO(differ.text << leave.text << stop.text << halt.text);
  CHECK(differ.status != 0);
  CHECK(differ.count("all_reduce of float32 (4,) on rank 1") >= 1);
  CHECK(leave.status != 0);
  CHECK(leave.count("expected rank 1 to take part, which has ended after 0 operations") >= 1);
  CHECK(stop.status != 0);
  CHECK(stop.count("expected the start of rank 1 within 1 s, got nothing; all processes run") >= 1);
  CHECK(halt.status != 0);
  CHECK(halt.count("expected the start of rank 1 within 1 s, got nothing; no sign of life of rank 1") >= 1);
}

TEST_CASE("a process that does not end after a failure is killed") {
  const Ending ending = run(2, "stay");
  INFO(ending.text);
  CHECK(ending.status != 0);
  CHECK(ending.count("this process has not ended within 10 s after the failure and is killed") >= 1);
}

TEST_CASE("a killed process ends all others, 20 times at random") {
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const int size = 2 + i % 3, rank = static_cast<int>(random() % static_cast<unsigned>(size));
    BackgroundProgram program(command(size, "loop"));
    program.read_until(" now\n", size);
    program.read_until(fmt::format("step {}\n", random() % 100));
    const std::map<int, pid_t> ranks = processes(program.text());
    REQUIRE(static_cast<int>(ranks.size()) == size);
    kill(ranks.at(rank), SIGKILL);
    const int status = program.wait();
    INFO(program.text());
    CHECK(status != 0);
    // Open MPI names the signal. MPICH names the process that it saw end first, which may be one that noticed the end
    // of the other.
    const bool reported = program.text().find("signal 9") != std::string::npos ||
                          program.text().find("BAD TERMINATION") != std::string::npos;
    CHECK(reported);
    for (const auto& [_, process] : ranks) {
      while (lives(process)) usleep(1000);  // mpirun may be faster than those whom it has killed
    }
  }
}

TEST_CASE("a missing module is an Error that says what to install") {
  test::TemporaryFolder empty;
  setenv("XTAPE_HELPERS", empty.path().c_str(), 1);
  const std::string error = test::error_of([] { mpi_communicator(); });
  unsetenv("XTAPE_HELPERS");
  CHECK(error.find("expected the module xtape-mpi.so in " + empty.path().string() +
                   ", got none; build xtape with "
                   "libopenmpi-dev or libmpich-dev installed") != std::string::npos);
  CHECK_THAT(test::error_of([] { mpi_communicator({.timeout = std::chrono::milliseconds(-1)}); }),
             Catch::Contains("expected a timeout above 0"));
}
