// How --ranks starts mpirun, and what it makes of its end: with an mpirun that is a script.
#include <unistd.h>

#include <csignal>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// Writes an executable script `mpirun` that says its version and runs `body` otherwise.
void write_mpirun(const fs::path& folder, const std::string& version, const std::string& body) {
  std::ofstream(folder / "mpirun") << "#!/bin/bash\nif [ \"$1\" = --version ]; then echo '" << version
                                   << "'; exit; fi\n"
                                   << body << "\n";
  fs::permissions(folder / "mpirun", fs::perms::owner_all);
}

/// Runs train with these options, and with the script of the folder as mpirun.
Run train_with_script(const Programs& run, const std::string& options) {
  BackgroundProgram training({"/usr/bin/env", fmt::format("PATH={}:{}", run.folder().string(), std::getenv("PATH")),
                              "/bin/sh", "-c", fmt::format("exec {}/train {}", run.programs(), options)},
                             run.folder());
  const int status = training.wait();
  return {status, training.text()};
}

}  // namespace

TEST_CASE("--ranks gives mpirun the number of ranks, its own arguments, and settings that Open MPI needs") {
  const Programs run;
  const std::string show =
      "for word in \"$@\"; do echo \"[$word]\"; done; echo started by $((XTAPE_STARTED_BY == PPID)); test -n "
      "\"$XTAPE_TERMINAL_COLUMNS\" && echo has columns; cat";
  const std::string program = fs::canonical(run.programs() + "/train").string();
  const std::string own = "[" + program + "]\n[--ranks]\n[3]\n[--data]\n[a b]\n[--quick]\nstarted by 1\nhas columns\n";
  write_mpirun(run.folder(), "HYDRA build details:", show);
  const Run mpich = train_with_script(run, "--ranks 3 --data 'a b' --quick");
  CHECK(mpich.status == 0);
  CHECK(mpich.text == "[-n]\n[3]\n" + own);
  write_mpirun(run.folder(), "mpirun (Open MPI) 4.1.4", show);
  const std::string root = geteuid() == 0 ? "[--allow-run-as-root]\n" : "";
  CHECK(train_with_script(run, "--ranks 3 --data 'a b' --quick").text ==
        "[-n]\n[3]\n[--oversubscribe]\n[--bind-to]\n[none]\n[--quiet]\n" + root + own);
  // a single rank is no run on ranks
  CHECK_THAT(train_with_script(run, "--ranks 1 --data none").text, Contains("load_data: expected a folder, got "));
}

TEST_CASE("the exit status of --ranks is that of mpirun, and a rank that a signal has ended is reported") {
  const Programs run;
  struct Row {
    std::string body;
    int status;
    std::string text;
  };
  const std::vector<Row> rows{
      {"exit 0", 0, ""},
      {"exit 1", 1, ""},
      {"exit 2", 2, ""},
      {"exit 77", 77, ""},
      {"exit 128", 128, ""},
      {"exit 130", 130, ""},  // 128 + SIGINT: the ranks have said that they were interrupted
      {"exit 143", 143, ""},  // 128 + SIGTERM
      {"exit 129", 129, "--ranks: a rank was ended by signal 1 (Hangup)\n"},
      {"exit 134", 134, "--ranks: a rank was ended by signal 6 (Aborted)\n"},
      {"exit 137", 137,
       "--ranks: a rank was ended by signal 9 (Killed), as when the memory of the machine is used up\n"},
      {"exit 138", 138, "--ranks: a rank was ended by signal 10 (User defined signal 1)\n"},
      {"exit 139", 139, "--ranks: a rank was ended by signal 11 (Segmentation fault)\n"},
      {"kill -SEGV $$", 139, "--ranks: mpirun was ended by signal 11 (Segmentation fault)\n"},
      {"kill -KILL $$", 137,
       "--ranks: mpirun was ended by signal 9 (Killed), as when the memory of the machine is used up\n"},
      // after a signal to train: an error of a rank matters, otherwise the signal
      {"trap 'exit 2' USR1; kill -TERM $PPID; while :; do sleep 0.01; done", 2, ""},
      {"trap 'exit 2' USR1; kill -INT $PPID; while :; do sleep 0.01; done", 2, ""},
      {"trap 'exit 0' USR1; kill -TERM $PPID; while :; do sleep 0.01; done", 143, ""},
      {"trap 'exit 1' USR1; kill -INT $PPID; while :; do sleep 0.01; done", 130, ""},
      {"trap 'exit 0' USR1; kill -HUP $PPID; while :; do sleep 0.01; done", 143, ""},
      {"trap 'exit 137' USR1; kill -TERM $PPID; while :; do sleep 0.01; done", 143,
       "--ranks: a rank was ended by signal 9 (Killed), as when the memory of the machine is used up\n"},
      {"trap 'exit 138' USR1; kill -TERM $PPID; while :; do sleep 0.01; done", 143, ""},  // ranks that had not begun
  };
  for (const Row& row : rows) {
    INFO(row.body);
    write_mpirun(run.folder(), "HYDRA build details:", row.body);
    const Run ended = train_with_script(run, "--ranks 2");
    CHECK(ended.status == row.status);
    CHECK(ended.text == row.text);
  }
  // Open MPI passes on SIGUSR2, which stands for Ctrl-C
  write_mpirun(run.folder(), "mpirun (Open MPI) 4.1.4",
               "trap 'echo 2; exit 0' USR2; trap 'echo 1; exit 0' USR1; kill -$(cat signal) $PPID; while :; do sleep "
               "0.01; done");
  for (const auto& [signal, number] : {std::pair{"INT", SIGINT}, {"TERM", SIGTERM}}) {
    std::ofstream(run.folder() / "signal") << signal;
    const Run ended = train_with_script(run, "--ranks 2");
    CHECK(ended.status == 128 + number);
    CHECK(ended.text == (number == SIGINT ? "2\n" : "1\n"));
  }
}

TEST_CASE("--ranks says that mpirun is missing, or has started another number of processes") {
  const Programs run;
  const std::string missing =
      "--ranks: expected mpirun, got none; install Open MPI (Debian: openmpi-bin) or MPICH (Debian: mpich)\n";
  fs::create_directory(run.folder() / "empty");
  const std::string path = fmt::format("PATH={} ", (run.folder() / "empty").string());
  const Run none = run("train --help > /dev/null; " + path + run.programs() + "/train --ranks 2");
  CHECK(none.status == 2);
  CHECK(none.text == missing);
  for (const std::string variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    CHECK(run("train --help > /dev/null; " + variable + "=3 " + run.programs() + "/train --ranks 2").text ==
          "train: expected as many --ranks as processes that were started, 3, got 2; leave --ranks out\n");
  }
  CHECK(run("train --help > /dev/null; SLURM_STEP_NUM_TASKS=4 " + run.programs() + "/train --ranks 2").text ==
        "train: expected as many --ranks as processes that were started, 4, got 2; leave --ranks out\n");
}
