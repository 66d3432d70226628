// train on several processes, started by --ranks and by mpirun. Skipped where mpirun or xtape-mpi is missing.
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "tests/examples/programs.hpp"
#include "tests/support/mpirun.hpp"
#include "tests/support/occurrences.hpp"
#include "training/checkpoint/checkpoint_file.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

void need_mpi() {
  if (address_sanitizer()) skip("MPI leaks");
  mpirun();
}

bool is_open_mpi() {
  BackgroundProgram version({mpirun(), "--version"});
  version.wait();
  return version.text().find("Open MPI") != std::string::npos;
}

/// A program beside this one.
std::string ranks_program() { return fs::canonical("/proc/self/exe").parent_path() / "ranks_program"; }

/// Runs "ranks_program train FOLDER 40 HOW" on so many ranks, until the last of them has ended.
Run train_on(int ranks, const fs::path& folder, const std::vector<std::string>& how = {}) {
  std::vector<std::string> arguments{"train", folder, "40"};
  arguments.insert(arguments.end(), how.begin(), how.end());
  BackgroundProgram program(on_ranks(ranks, "ranks_program", arguments));
  const int status = program.wait();
  for (const auto& [_, process] : processes(program.text())) wait_for_end(process);
  return {status, program.text()};
}

/// The command of a training that lasts longer than any test, started by --ranks.
std::vector<std::string> long_training(const Programs& run, int ranks, const std::string& output) {
  return {run.programs() + "/train", "--data",   ".",   "--epochs", "100000", "--ranks",
          std::to_string(ranks),     "--output", output};
}

/// The process of a rank that runs in this folder; ends the test if there is none.
pid_t process_of(int rank, const fs::path& folder) {
  const fs::path wanted = fs::canonical(folder);
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code error;  // of processes that end meanwhile
    if (fs::read_symlink(entry.path() / "cwd", error) != wanted) continue;
    const std::string variables = '\0' + bytes_of(entry.path() / "environ");
    for (const std::string name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"}) {
      const std::string line = '\0' + fmt::format("{}={}", name, rank) + '\0';
      if (variables.find(line) != std::string::npos) return std::stoi(entry.path().filename());
    }
  }
  FAIL("found no process of rank " << rank);
  return 0;
}

/// The process that the first thread of a process has started, 0 if there is none.
pid_t child_of(pid_t process) {
  pid_t child = 0;
  std::ifstream(fmt::format("/proc/{}/task/{}/children", process, process)) >> child;
  return child;
}

/// Kills mpirun after 10 minutes: that of Open MPI 4.1 can hang at its end, and nobody is left who would do it when the
/// program that started it was killed.
class LimitOfMpirun {
 public:
  explicit LimitOfMpirun(pid_t mpirun)
      : thread_([this, mpirun] {
          for (int i = 0; i < 6000 && !over_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
          if (!over_ && mpirun > 0) kill(mpirun, SIGKILL);
        }) {}
  LimitOfMpirun(const LimitOfMpirun&) = delete;
  LimitOfMpirun& operator=(const LimitOfMpirun&) = delete;
  ~LimitOfMpirun() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("train has the same bits on any number of ranks, and one of them prints") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  std::string weights;
  for (const int ranks : {1, 2, 4}) {
    const Run result = run(fmt::format("train --data . --epochs 2 --shards 4 --ranks {} --output r{}", ranks, ranks));
    INFO(result.text);
    REQUIRE(result.status == 0);
    CHECK(occurrences(result.text, "history and model are in") == 1);
    CHECK(occurrences(result.text, "epoch 2/2") == 1);
    if (ranks > 1) CHECK_THAT(result.text, Contains(fmt::format("on each of {} ranks, 4 shards", ranks)));
    const std::string bytes = bytes_of(run.folder() / fmt::format("r{}/model.safetensors", ranks));
    if (weights.empty()) weights = bytes;
    CHECK(bytes == weights);
  }
}

TEST_CASE("the ranks of a machine share its processors, unless the number of threads is given") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  int number = 0;
  const auto threads = [&](const std::string& variables, const std::string& options) {
    const std::string text =
        run(fmt::format("train --help > /dev/null; env {} {}/train --quick --data . --output r{} {}", variables,
                        run.programs(), ++number, options))
            .text;
    INFO(text);
    CHECK_THAT(text, Contains("history and model are in"));
    return static_cast<int>(number_after(text, ", seed 0, "));
  };
  const int alone = threads("-u XTAPE_NUM_THREADS", "");
  CHECK(threads("-u XTAPE_NUM_THREADS", "--ranks 2") == std::max(1, alone / 2));
  CHECK(threads("XTAPE_NUM_THREADS=3", "--ranks 2") == 3);
  CHECK(threads("-u XTAPE_NUM_THREADS", "--ranks 2 --threads 3") == 3);
}

TEST_CASE("several ranks end at a signal with a checkpoint, from which another number of ranks resumes") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  // mpirun reads the output of the ranks at once, so only the number of epochs keeps them from ending first
  const auto start = [&](const std::string& options) {
    return std::vector<std::string>{"/bin/sh", "-c", fmt::format("exec {}/train {}", run.programs(), options)};
  };
  const auto stopped = [](BackgroundProgram& training, int signal) {
    training.send(signal);
    const int status = training.wait();
    INFO(training.text());
    CHECK(status == 128 + (signal == SIGINT ? SIGINT : SIGTERM));
    const bool interrupted = signal == SIGINT && is_open_mpi();  // that of MPICH does not pass on SIGUSR2
    CHECK_THAT(training.text(), Contains(interrupted ? "interrupted (SIGINT)" : "terminated (SIGTERM)"));
    CHECK_THAT(training.text(), Contains("to resume: ./run train --resume"));
  };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    const std::string folder = fmt::format("stopped{}", signal);
    BackgroundProgram training(start("--data . --epochs 100000 --ranks 2 --output " + folder), run.folder());
    training.read_until("\nepoch      1/100000");
    stopped(training, signal);
    CHECK(occurrences(bytes_of(run.folder() / folder / "settings.ini"), "shards=2") == 1);
  }
  for (const int ranks : {1, 2}) {
    const fs::path checkpoints = run.folder() / fmt::format("stopped{}/checkpoints", SIGINT);
    const std::int64_t before = step_of_checkpoint(checkpoints_in(checkpoints).front());
    BackgroundProgram resumed(start(fmt::format("--resume stopped{} --ranks {}", SIGINT, ranks)), run.folder());
    resumed.read_until("/100000", 2);
    CHECK_THAT(resumed.text(), !Contains("epoch      1/100000"));
    stopped(resumed, SIGTERM);
    CHECK(step_of_checkpoint(checkpoints_in(checkpoints).front()) > before);
  }
}

TEST_CASE("a signal before the ranks have begun ends the run") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  for (const int milliseconds : {0, 20, 50, 100, 200}) {
    BackgroundProgram training(long_training(run, 2, "run"), run.folder());
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    training.send(SIGTERM);
    const int status = training.wait();
    INFO(milliseconds << " ms\n" << training.text());
    CHECK(status == 128 + SIGTERM);
    fs::remove_all(run.folder() / "run");
  }
}

TEST_CASE("when a rank is killed, or the program that started it, the others end") {
  need_mpi();
  for (const bool is_rank : {true, false}) {
    const Programs run;
    write_other_data(run.folder());
    BackgroundProgram training(long_training(run, 2, "run"), run.folder());
    training.read_until("epoch      1/100000");
    const std::array<pid_t, 2> ranks{process_of(0, run.folder()), process_of(1, run.folder())};
    const pid_t mpirun = child_of(training.process());
    if (is_rank) {
      kill(ranks[1], SIGKILL);
    } else {
      training.send(SIGKILL);
    }
    const LimitOfMpirun limit(mpirun);
    const int status = training.wait();
    for (const pid_t rank : ranks) wait_for_end(rank);
    INFO(training.text());
    if (is_rank && is_open_mpi()) {
      CHECK_THAT(training.text(), Contains("--ranks: a rank was ended by signal 9 (Killed), as when the memory of the "
                                           "machine is used up\n"));
    }
    if (!is_rank) {
      CHECK(status == 128 + SIGKILL);
      CHECK_THAT(training.text(), Contains("to resume: ./run train --resume"));
      CHECK_FALSE(checkpoints_in(run.folder() / "run/checkpoints").empty());
    }
    CHECK(status != 0);
  }
}

TEST_CASE("ranks end when the program that started them is killed at any moment") {
  need_mpi();
  for (const int milliseconds : {20, 40, 60, 80, 120, 200}) {
    INFO(milliseconds << " ms");
    const Programs run;
    write_other_data(run.folder());
    BackgroundProgram training(long_training(run, 2, "run"), run.folder());
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    const pid_t mpirun = child_of(training.process());
    training.send(SIGKILL);
    const LimitOfMpirun limit(mpirun);
    CHECK(training.wait() == 128 + SIGKILL);  // reads until the ranks have closed the output
  }
}

TEST_CASE("a third signal ends a run whose mpirun hangs") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  BackgroundProgram training(long_training(run, 2, "run"), run.folder());
  training.read_until("epoch      1/100000");
  const std::array<pid_t, 2> ranks{process_of(0, run.folder()), process_of(1, run.folder())};
  const pid_t starter = training.process(), hanging = child_of(starter);
  kill(hanging, SIGSTOP);
  std::atomic<bool> over = false;
  std::thread signals([&] {  // more than three, because equal ones that arrive together count once
    for (int i = 0; i < 1200 && !over; ++i) {
      kill(starter, SIGTERM);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    kill(hanging, SIGCONT);
  });
  const int status = training.wait();
  over = true;
  signals.join();
  for (const pid_t rank : ranks) wait_for_end(rank);
  CHECK(status == 128 + SIGTERM);
  CHECK(training.text().find("--ranks: ") == std::string::npos);
}

TEST_CASE("a run ends whose mpirun hangs after the ranks were killed") {
  need_mpi();
  if (!is_open_mpi()) skip("a fault of Open MPI");
  const Programs run;
  write_other_data(run.folder());
  BackgroundProgram training(long_training(run, 2, "run"), run.folder());
  training.read_until("epoch      1/100000");
  const std::array<pid_t, 2> ranks{process_of(0, run.folder()), process_of(1, run.folder())};
  kill(child_of(training.process()), SIGSTOP);
  for (const pid_t rank : ranks) kill(rank, SIGKILL);
  const int status = training.wait();
  INFO(training.text());
  CHECK(status == 2);
  CHECK_THAT(training.text(), Contains("\n--ranks: mpirun did not end after the ranks and was killed; whether they had "
                                       "finished is not known\n"));
}

TEST_CASE("ranks leave the standard input of the program unread, as a loop over its lines expects") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  std::ofstream(run.folder() / "lines") << "first\nsecond\n";
  const std::string training = run.programs() + "/train --data . --epochs 1 --quick --ranks 2";
  const std::string loop =
      fmt::format("while read line; do {} --output \"$line\" > log 2>&1 && echo \"$line\"; done", training);
  CHECK(std::system(fmt::format("cd '{}' && ({}) < lines > done", run.folder().string(), loop).c_str()) == 0);
  INFO(bytes_of(run.folder() / "log"));
  CHECK(bytes_of(run.folder() / "done") == "first\nsecond\n");
}

TEST_CASE("a signal to one process ends all of them with a checkpoint") {
  need_mpi();
  for (const int signal : {SIGINT, SIGTERM}) {
    const Programs run;
    write_other_data(run.folder());
    BackgroundProgram training(long_training(run, 3, "stopped"), run.folder());
    training.read_until("epoch      1/100000");
    kill(process_of(2, run.folder()), signal);
    const int status = training.wait();
    INFO(training.text());
    CHECK(status == 128 + signal);
    CHECK_THAT(training.text(), Contains("to resume: ./run train --resume"));
    CHECK_FALSE(checkpoints_in(run.folder() / "stopped/checkpoints").empty());
  }
}

TEST_CASE(
    "a process that gets a signal during a step ends the run on all ranks, and other numbers of ranks resume it") {
  const TemporaryFolder whole, stopped;
  REQUIRE(train_on(1, whole.path()).status == 0);
  int i = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {  // run_on_ranks translates the last one
    const int ranks = i % 2 == 0 ? 4 : 2, target = ranks - 1;
    const Run run =
        train_on(ranks, stopped.path(), {std::to_string(target), std::to_string(signal), std::to_string(3 + i), "300"});
    INFO(run.text);
    CHECK(run.status == 128 + signal);
    const std::string reason = signal == SIGINT ? "interrupted (SIGINT)" : "terminated (SIGTERM)";
    for (int rank = 0; rank < ranks; ++rank) {
      CHECK_THAT(run.text, Contains(fmt::format("rank {} has ended: {}\n", rank, reason)));
    }
    CHECK(step_of_checkpoint(checkpoints_in(stopped / "checkpoints").front()) >= 3 * (i + 1));
    ++i;
  }
  REQUIRE(train_on(2, stopped.path()).status == 0);
  CHECK(bytes_of(stopped / "model.safetensors") == bytes_of(whole / "model.safetensors"));
}

TEST_CASE("a run of which ranks are killed 20 times resumes on other numbers of ranks and ends with the same bits") {
  const TemporaryFolder whole, killed;
  REQUIRE(train_on(1, whole.path()).status == 0);
  const auto size = static_cast<int>(fs::file_size(checkpoints_in(whole / "checkpoints").front()));
  std::mt19937 random(3);
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  for (int kills = 0; kills < 20; ++kills) {
    const int ranks = 1 << (kills % 3);
    const auto before = checkpoints_in(killed / "checkpoints");
    const bool during_write = kills % 2 == 1;  // at a byte that the test selects
    const Run run = during_write ? train_on(ranks, killed.path(), {"limit", std::to_string(1 + below(size - 1))})
                                 : train_on(ranks, killed.path(),
                                            {std::to_string(below(ranks)), std::to_string(SIGKILL),
                                             std::to_string(1 + below(2)), std::to_string(below(3000))});
    INFO("kill " << kills << "\n" << run.text);
    CHECK(run.status != 0);
    CHECK(run.text.find("has ended: ") == std::string::npos);
    const auto after = checkpoints_in(killed / "checkpoints");
    if (during_write) {
      CHECK(after == before);
      CHECK(std::ranges::any_of(fs::directory_iterator(killed / "checkpoints"),
                                [](const auto& entry) { return entry.path().extension() == ".tmp"; }));
    }
    CHECK(processes(run.text).size() == static_cast<std::size_t>(ranks));
  }
  REQUIRE(train_on(2, killed.path()).status == 0);
  CHECK(bytes_of(killed / "model.safetensors") == bytes_of(whole / "model.safetensors"));
}

TEST_CASE(
    "mpirun starts with the signal mask of train, and gets SIGUSR1 until it ends or a second signal becomes SIGTERM") {
  const Programs run;
  const fs::path fake = run.folder() / "mpirun";  // sends its parent a signal, and another one when that comes back
  std::ofstream(fake) << "#!/bin/bash\n"          // sh may clear the signal mask
                         "if [ \"$1\" = --version ]; then echo mpirun; exit; fi\n"
                         "grep SigBlk /proc/self/status\n"
                         "test $(cut -d ' ' -f 5 /proc/$$/stat) = $$ && echo in a process group of its own\n"
                         "trap 'echo got SIGUSR1; test $((++n)) = 1 || kill -INT $PPID' USR1\n"
                         "trap 'echo got SIGTERM; exit 3' TERM\n"
                         "kill -TERM $PPID\n"
                         "for i in $(seq 6000); do sleep 0.01; done\n";
  fs::permissions(fake, fs::perms::owner_all);
  BackgroundProgram training({"/usr/bin/env", fmt::format("PATH={}:{}", run.folder().string(), std::getenv("PATH")),
                              run.programs() + "/train", "--ranks", "2"},
                             run.folder());
  const int status = training.wait();
  const std::string own = bytes_of("/proc/self/status");
  const std::size_t mask = own.find("SigBlk");
  CHECK(training.text() == own.substr(mask, own.find('\n', mask) - mask) +
                               "\nin a process group of its own\ngot SIGUSR1\ngot SIGUSR1\ngot SIGTERM\n");
  CHECK(status == 128 + SIGTERM);
}

TEST_CASE("a failure that another rank finds is printed while the first rank hangs") {
  need_mpi();
  BackgroundProgram program(on_ranks(3, "ranks_program", {"hang"}));
  const int status = program.wait();
  INFO(program.text());
  CHECK(status != 0);
  CHECK_THAT(program.text(), Contains("expected the same on all ranks, got "));
}

TEST_CASE("a single task of Slurm is no run on ranks") {
  const auto ranks_with = [](const std::string& variable) {
    BackgroundProgram program({"/usr/bin/env", variable, ranks_program(), "count"});
    CHECK(program.wait() == 0);
    return program.text();
  };
  CHECK(ranks_with("SLURM_STEP_NUM_TASKS=1") == "0\n");
  CHECK(ranks_with("SLURM_STEP_NUM_TASKS=3") == "3\n");
  CHECK(ranks_with("SLURM_NTASKS=3") == "0\n");
  CHECK(ranks_with("OMPI_COMM_WORLD_SIZE=1") == "1\n");
}

TEST_CASE("an error on ranks is printed and ends all of them") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  REQUIRE(run("train --data . --epochs 1 --output used").status == 0);
  const Run used = run("train --data . --epochs 1 --ranks 3 --output used");  // the first rank finds it
  CHECK(used.status != 0);
  CHECK_THAT(used.text, Contains("rank 0: train: expected a folder without a run after --output"));
  const Run shards = run("train --data . --epochs 1 --ranks 2 --shards 3 --output other");
  CHECK(shards.status != 0);
  CHECK_THAT(shards.text, Contains("3 shards"));
  const Run wrong = run("train --ranks 0");
  CHECK(wrong.status == 2);
}
