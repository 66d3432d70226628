// train on several processes, started by --ranks and by mpirun. Skipped where mpirun or xtape-mpi is missing.
#include "framework/helper_folders.hpp"
#include "tests/examples/programs.hpp"
#include "tests/support/sanitizers.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

void need_mpi() {
  if (thread_sanitizer() || address_sanitizer()) skip("MPI is not instrumented for sanitizers, and leaks");
  bool module = false;
  for (const auto& folder : helper_folders()) module = module || std::filesystem::exists(folder / "xtape-mpi.so");
  if (!module) skip("xtape was built without MPI");
  if (std::system("mpirun --version > /dev/null 2>&1") != 0) skip("mpirun is not installed");
}

/// A program beside this one.
std::string ranks_program() { return std::filesystem::canonical("/proc/self/exe").parent_path() / "ranks_program"; }

int count(const std::string& text, const std::string& words) {
  int found = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
  return found;
}

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
    CHECK(count(result.text, "history and model are in") == 1);
    CHECK(count(result.text, "epoch 2/2") == 1);
    if (ranks > 1) CHECK_THAT(result.text, Contains(fmt::format("on each of {} ranks, 4 shards", ranks)));
    const std::string bytes = bytes_of(run.folder() / fmt::format("r{}/model.safetensors", ranks));
    if (weights.empty()) weights = bytes;
    CHECK(bytes == weights);
  }
}

TEST_CASE("several ranks end at a signal with a checkpoint, from which another number of ranks resumes") {
  need_mpi();
  const Programs run;
  write_other_data(run.folder());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string folder = fmt::format("stopped{}", signal);
    BackgroundTraining training(run, "--ranks 2 --output " + folder);
    training.send(signal);
    const int status = training.wait();
    INFO(training.text());
    CHECK(status == 128 + SIGTERM);
    CHECK_THAT(training.text(), Contains("to resume: ./run train --resume"));
    CHECK(count(bytes_of(run.folder() / folder / "settings.ini"), "shards=2") == 1);
    if (signal != SIGINT) continue;
    for (const int ranks : {1, 2}) {
      std::filesystem::copy(run.folder() / folder, run.folder() / fmt::format("{}-{}", folder, ranks),
                            std::filesystem::copy_options::recursive);
      const Run resumed = run(fmt::format("train --resume {}-{} --ranks {}", folder, ranks, ranks));
      INFO(resumed.text);
      CHECK(resumed.status == 0);
    }
    CHECK(bytes_of(run.folder() / (folder + "-1/model.safetensors")) ==
          bytes_of(run.folder() / (folder + "-2/model.safetensors")));
  }
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

TEST_CASE("a failure that another rank finds is printed while the first rank hangs") {
  need_mpi();
  std::vector<std::string> command{"mpirun", "-n", "3", ranks_program(), "hang"};
  BackgroundProgram version({"/usr/bin/env", "mpirun", "--version"});
  version.wait();
  if (version.text().find("Open MPI") != std::string::npos) {
    command.insert(command.begin() + 1, {"--allow-run-as-root", "--oversubscribe"});
  }
  command.insert(command.begin(), "/usr/bin/env");
  BackgroundProgram program(command);
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
