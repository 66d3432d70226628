// A run that is killed, interrupted or has no disk left, from outside.

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <sys/wait.h>
#include <thread>

#include "framework/io/safetensors.hpp"
#include "tests/support/support.hpp"
#include "training/checkpoint_file.hpp"

using namespace xtape;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// tests/training_program as a child process that writes to FOLDER/log.
class Child {
 public:
  Child(const fs::path& folder, std::vector<std::string> arguments) : log_(folder / "log") {
    const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "training_program";
    if (!fs::exists(program)) xtape::test::skip("no " + program.string());
    arguments.insert(arguments.begin(), {program.string(), folder.string()});
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    fs::remove(log_);
    const std::string log = log_.string();
    process_ = fork();  // the child only calls what is allowed after a fork of several threads
    if (process_ == 0) {
      const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(file, 1);
      dup2(file, 2);
      execv(pointers[0], pointers.data());
      _exit(99);
    }
  }
  void send(int signal) const { kill(process_, signal); }
  bool running() {
    if (!over_) over_ = waitpid(process_, &status_, WNOHANG) == process_;
    return !over_;
  }
  /// The exit status, as a shell has it.
  int wait() {
    if (!over_) waitpid(process_, &status_, 0);
    over_ = true;
    return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  }
  std::string log() const {
    std::ifstream stream(log_);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void wait_until_training() {
    while (running() && log().find("training") == std::string::npos) std::this_thread::sleep_for(2ms);
  }

 private:
  fs::path log_;
  pid_t process_ = 0;
  int status_ = 0;
  bool over_ = false;
};

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

TEST_CASE("a run killed at twenty moments, also while it writes, ends with the bits of one that was not") {
  const test::TemporaryFolder whole, killed;
  REQUIRE(Child(whole.path(), {"2"}).wait() == 0);
  std::mt19937 random(7);
  std::uniform_int_distribution<int> milliseconds(0, 60);
  int kills = 0, while_writing = 0;
  for (; kills < 20; ++kills) {
    Child child(killed.path(), {std::to_string(1 + kills % 3)});
    child.wait_until_training();
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    while (kills % 2 == 1 && child.running() && !is_writing(killed.path())) std::this_thread::yield();
    if (!child.running()) break;
    child.send(SIGKILL);
    INFO(child.log());
    REQUIRE(child.wait() == 128 + SIGKILL);
    while_writing += is_writing(killed.path()) ? 1 : 0;
  }
  CHECK(kills == 20);
  CHECK(while_writing >= 1);
  Child last(killed.path(), {"2"});
  INFO(last.log());
  REQUIRE(last.wait() == 0);
  check_same_result(whole.path(), killed.path());
  CHECK(checkpoints_in(killed / "checkpoints").size() == 3);
  CHECK_FALSE(is_writing(killed.path()));  // what the killed ones left is gone
}

TEST_CASE("SIGINT and SIGTERM end a run after the batch, with a checkpoint and 128 + signal") {
  const test::TemporaryFolder whole, stopped;
  REQUIRE(Child(whole.path(), {"2", "4"}).wait() == 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    Child child(stopped.path(), {"1", "4"});
    child.wait_until_training();
    std::this_thread::sleep_for(40ms);
    child.send(signal);
    CHECK(child.wait() == 128 + signal);
    CHECK_FALSE(checkpoints_in(stopped / "checkpoints").empty());
  }
  CHECK_FALSE(fs::exists(stopped / "result.safetensors"));
  REQUIRE(Child(stopped.path(), {"2", "4"}).wait() == 0);
  check_same_result(whole.path(), stopped.path());
}

TEST_CASE("where no checkpoint can be written, training goes on and says so once") {
  const test::TemporaryFolder free, full;
  REQUIRE(Child(free.path(), {"2", "3"}).wait() == 0);
  // as on a full disk, writes fail after 1 MB: weights and log fit, checkpoints with the optimizer's state do not
  Child child(full.path(), {"2", "3", "1000000"});
  const int status = child.wait();
  const std::string log = child.log();
  INFO(log);
  CHECK_THAT(log,
             Catch::Contains("Checkpoint: training goes on without being saved: expected"));
  CHECK(log.find("Checkpoint:") == log.rfind("Checkpoint:"));
  CHECK(checkpoints_in(full / "checkpoints").empty());
  CHECK_FALSE(is_writing(full.path()));
  CHECK(fs::file_size(full / "history.csv") > 0);
  CHECK(status == 2);  // the result itself does not fit
}
