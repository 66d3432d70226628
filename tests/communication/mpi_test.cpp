// Ranks that are processes, started by mpirun. Skipped where it or xtape-mpi is missing. The environment variable
// XTAPE_MPIRUN names another mpirun.
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <regex>

#include "framework/communication/communicator.hpp"
#include "tests/communication/enough_time.hpp"
#include "tests/support/mpirun.hpp"
#include "tests/support/occurrences.hpp"

using namespace xtape;
using test::BackgroundProgram;
using test::on_ranks;

namespace {

struct Ending {
  int status;
  std::string text;

  int count(const std::string& words) const { return test::occurrences(text, words); }
};

/// Runs mpi_program with the arguments: what its ranks do and, if not 5 minutes, their timeout in milliseconds.
Ending run(int size, const std::vector<std::string>& arguments) {
  BackgroundProgram program(on_ranks(size, "mpi_program", arguments));
  const int status = program.wait();
  return {status, program.text()};
}

}  // namespace

TEST_CASE("operations between processes give what their definitions say") {
  for (const int size : {1, 2, 3, 4}) {
    const Ending ending = run(size, {"compute"});
    INFO(ending.text);
    CHECK(ending.status == 0);
    CHECK(ending.count(fmt::format("of {} is process", size)) == size);
    CHECK(ending.count("a rank has ended in good order") == size);
    CHECK(ending.count("mpi_communicator: expected one call in a process") == size);
  }
}

TEST_CASE("a process that throws ends all with its message") {
  for (const int size : {2, 4}) {
    const Ending ending = run(size, {"throw"});
    INFO(ending.text);
    CHECK(ending.status != 0);
    CHECK(ending.count("the disk is full\n") >= 1);  // mpirun may kill the others before they print it too
    CHECK(ending.count("in good order") == 0);
  }
}

TEST_CASE("processes that disagree, leave early or stop are named") {
  const Ending differ = run(3, {"differ"}), leave = run(3, {"leave"});
  INFO(differ.text << leave.text);
  CHECK(differ.status != 0);
  CHECK(differ.count("all_reduce of float32 (4,) on rank 1") >= 1);
  CHECK(leave.status != 0);
  CHECK(leave.count("expected rank 1 to take part, which has ended after 0 operations") >= 1);
  for (const auto& [what, sign] :
       std::map<std::string, std::string>{{"stop", "all processes run"}, {"halt", "no sign of life of rank 1"}}) {
    const std::string reason = " s, got nothing; " + sign;
    const std::string text = test::with_enough_time(std::chrono::seconds(1), reason, [&, &what = what](auto limit) {
      const Ending ending = run(3, {what, std::to_string(limit.count())});
      CHECK(ending.status != 0);
      return ending.text;
    });
    CHECK_THAT(text, Catch::Contains("expected the start of rank 1 within ") && Catch::Contains(reason));
  }
}

TEST_CASE("a process that does not end after a failure is killed") {
  const Ending ending = run(2, {"stay"});
  INFO(ending.text);
  CHECK(ending.status != 0);
  CHECK(ending.count("this process has not ended within 10 s after the failure and is killed") >= 1);
}

TEST_CASE("a process whose MPI_Finalize does not return is killed after the limit, and so are all others") {
  const std::string late = ": expected MPI_Finalize to return within ";
  const std::string text = test::with_enough_time(std::chrono::seconds(2), late, [](auto limit) {
    const Ending ending = run(3, {"finalize", std::to_string(limit.count())});
    CHECK(ending.status != 0);
    CHECK(ending.count("in good order") == 0);
    for (const auto& [_, process] : test::processes(ending.text)) test::wait_for_end(process);
    return ending.text;
  });
  // By rank 0 or 2, whichever is earlier, or by both. Rank 1 may say so, too, when mpirun continues it to end it.
  INFO(text);
  CHECK(std::regex_search(text, std::regex("rank [02]" + late +
                                           "[0-9]+ s, got nothing; another process has ended or "
                                           "is cut off; this process is killed")));
}

TEST_CASE("a killed process ends all others, 20 times at random") {
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const int size = 2 + i % 3, rank = static_cast<int>(random() % static_cast<unsigned>(size));
    BackgroundProgram program(on_ranks(size, "mpi_program", {"loop"}));
    program.read_until(" now\n", size);
    program.read_until(fmt::format("step {}\n", random() % 100));
    const std::map<int, pid_t> ranks = test::processes(program.text());
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
    for (const auto& [_, process] : ranks) test::wait_for_end(process);
  }
}

TEST_CASE("a missing module is an Error that says what to install") {
  test::TemporaryFolder empty;
  setenv("XTAPE_HELPERS", empty.path().c_str(), 1);
  const std::string error = test::error_of([] { mpi_communicator({.timeout = std::chrono::milliseconds(1)}); });
  unsetenv("XTAPE_HELPERS");
  CHECK(error.find("expected the module xtape-mpi.so in " + empty.path().string() +
                   ", got none; build xtape with "
                   "libopenmpi-dev or libmpich-dev installed") != std::string::npos);
  for (const int refused : {-1, 0}) {
    CHECK_THAT(test::error_of([&] { mpi_communicator({.timeout = std::chrono::milliseconds(refused)}); }),
               Catch::Contains(fmt::format("mpi_communicator: expected a timeout above 0, got {} ms", refused)));
  }
}
