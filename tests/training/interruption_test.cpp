// A run that is killed, interrupted, or has a full disk, from outside.

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "framework/io/safetensors.hpp"
#include "tests/support/background_program.hpp"
#include "training/checkpoint/checkpoint_file.hpp"

using namespace xtape;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t block = 512;  // bytes, the unit of "ulimit -f"

/// Runs tests/training_program with these arguments. It prints a line of 2048 bytes after each step, so that it is at
/// most two steps ahead of the lines that were read. The size of its files is limited to `blocks` blocks.
test::BackgroundProgram training(const fs::path& folder, const std::string& arguments, std::int64_t blocks = 1 << 20) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "training_program";
  return test::BackgroundProgram({"/bin/sh", "-c",
                                  fmt::format("ulimit -c 0; ulimit -f {}; exec '{}' '{}' {}", blocks, program.string(),
                                              folder.string(), arguments)});
}

bool is_writing(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints", error)) {
    if (entry.path().extension() == ".tmp") return true;
  }
  return false;
}

void check_same_result(const fs::path& a, const fs::path& b) {
  const SafetensorsFile one = load_safetensors(a / "result.safetensors"),
                        two = load_safetensors(b / "result.safetensors");
  CHECK(one.metadata == two.metadata);
  REQUIRE(one.tensors.size() == two.tensors.size());
  for (std::size_t i = 0; i < one.tensors.size(); ++i) {
    INFO(one.tensors[i].name);
    CHECK(one.tensors[i].name == two.tensors[i].name);
    CHECK(identical(one.tensors[i].tensor, two.tensors[i].tensor));
  }
  CHECK(identical(load_safetensors(a / "checkpoints" / "best.safetensors").tensors[0].tensor,
                  load_safetensors(b / "checkpoints" / "best.safetensors").tensors[0].tensor));
}

}  // namespace

TEST_CASE("a run that is killed 20 times, ten of them during a write, ends with the bits of an uninterrupted run") {
  const test::TemporaryFolder whole, killed;
  REQUIRE(training(whole.path(), "2").wait() == 0);
  const auto size = static_cast<std::int64_t>(fs::file_size(checkpoints_in(whole / "checkpoints").front()));
  std::mt19937 random(7);
  std::uniform_int_distribution<int> milliseconds(0, 3), more(0, 1);
  std::uniform_int_distribution<std::int64_t> some_blocks(1, size / block - 1);
  for (int kills = 0; kills < 20; ++kills) {
    const std::string threads = std::to_string(1 + kills % 3);
    if (kills % 2 == 1) {  // the system kills it (SIGXFSZ) in the middle of a write, at a byte that the test selects
      test::BackgroundProgram run = training(killed.path(), threads, some_blocks(random));
      const int status = run.wait();
      INFO(run.text());
      REQUIRE(status == 128 + SIGXFSZ);
      REQUIRE(is_writing(killed.path()));
    } else {
      test::BackgroundProgram run = training(killed.path(), threads);
      run.read_until("step ", 8 + more(random));  // after at least one more checkpoint
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));  // during one of the next steps
      run.send(SIGKILL);
      const int status = run.wait();
      INFO(run.text());
      REQUIRE(status == 128 + SIGKILL);
    }
  }
  test::BackgroundProgram last = training(killed.path(), "2");
  const int status = last.wait();
  INFO(last.text());
  REQUIRE(status == 0);
  check_same_result(whole.path(), killed.path());
  CHECK(checkpoints_in(killed / "checkpoints").size() == 3);
  CHECK_FALSE(is_writing(killed.path()));  // the files of the killed runs were removed
}

TEST_CASE("SIGINT and SIGTERM end a run after the step, with a checkpoint and exit status 128 + signal") {
  const test::TemporaryFolder whole, stopped;
  REQUIRE(training(whole.path(), "2 4").wait() == 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    test::BackgroundProgram run = training(stopped.path(), "1 4");
    run.read_until("step ", 5);
    run.send(signal);
    CHECK(run.wait() == 128 + signal);
    CHECK_FALSE(checkpoints_in(stopped / "checkpoints").empty());
  }
  CHECK_FALSE(fs::exists(stopped / "result.safetensors"));
  REQUIRE(training(stopped.path(), "2 4").wait() == 0);
  check_same_result(whole.path(), stopped.path());
}

TEST_CASE("a second signal ends a run at once, without a checkpoint") {
  const test::TemporaryFolder folder;
  test::BackgroundProgram run = training(folder.path(), "1 4");
  run.read_until("step ", 1);
  run.send(SIGSTOP);  // until both signals are sent
  int stopped = 0;
  REQUIRE((waitpid(run.process(), &stopped, WUNTRACED) == run.process() && WIFSTOPPED(stopped)));
  run.send(SIGINT);
  run.send(SIGTERM);  // another one, because the system merges equal pending signals
  run.send(SIGCONT);
  const int status = run.wait();
  CHECK((status == 128 + SIGINT || status == 128 + SIGTERM));
  CHECK(checkpoints_in(folder / "checkpoints").empty());
}

TEST_CASE("if no checkpoint can be written, training continues and prints one message") {
  const test::TemporaryFolder free, full;
  REQUIRE(training(free.path(), "2 3").wait() == 0);
  // writes fail after 1 MB, as on a full disk: weights and log fit, checkpoints with the state of the optimizer do not
  test::BackgroundProgram run = training(full.path(), "2 3 ignore-limit", 1'000'000 / block);
  const int status = run.wait();
  INFO(run.text());
  CHECK_THAT(run.text(),
             Catch::Contains("Checkpoint: training continues without being saved: save_safetensors: expected"));
  CHECK(run.text().find("Checkpoint:") == run.text().rfind("Checkpoint:"));
  CHECK(checkpoints_in(full / "checkpoints").empty());
  CHECK_FALSE(is_writing(full.path()));
  CHECK(fs::file_size(full / "history.csv") > 0);
  CHECK(status == 2);  // the result itself does not fit on the disk
}
