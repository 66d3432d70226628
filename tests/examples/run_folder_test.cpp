// The train program and its folder: the files that it writes, its errors, and resuming.

#include <unistd.h>

#include <csignal>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape::test;
using Catch::Contains;

namespace {

/// The path of the program, for command lines that do more than run it.
std::string train() { return std::string(std::getenv("XTAPE_EXAMPLES")) + "/train"; }

}  // namespace

TEST_CASE("train does not change a folder with a run, and its message says how to resume") {
  const Programs run;
  write_other_data(run.folder());
  const std::string command = "train --quick --data . --output kept ";
  REQUIRE(run(command).status == 0);
  const std::string settings = bytes_of(run.folder() / "kept" / "settings.ini");
  const Run again = run(command + "--seed 7");
  check_refused(again, "train: expected a folder without a run after --output");
  CHECK_THAT(again.text, Contains("--resume " + (run.folder() / "kept").string()));
  CHECK(bytes_of(run.folder() / "kept" / "settings.ini") == settings);
  CHECK(run("train --resume kept").status == 0);
  fs::remove(run.folder() / "kept" / "settings.ini");
  check_refused(run(command), "without a run");  // its checkpoints are in the folder
}

TEST_CASE("a run that fails before its first step leaves its folder free for the next one") {
  const Programs run;
  write_other_data(run.folder());
  std::ofstream(run.folder() / "file") << "no folder";
  const std::string command = "train --quick --data . --output next ";
  const auto refused = [&](const std::string& options, const std::string& message) {
    check_refused(run(command + options), message);
    CHECK_FALSE(fs::exists(run.folder() / "next" / "settings.ini"));
    check_refused(run("train --resume next"), "expected the folder of a run after --resume, got next");
  };
  refused("--shards 1024",
          "fit: expected at least one sample of a batch for each of the 1024 shards, got a batch of 64");
  refused("--report --tensorboard file", "EventFile: expected to be able to make the folder " +
                                             (run.folder() / "file/train").string() + ", got: Not a directory\n");
  CHECK(run(command + "--tensorboard board").status == 0);
}

TEST_CASE("a killed run unlocks its folder, and --resume removes incomplete files") {
  const Programs run;
  write_other_data(run.folder());
  BackgroundTraining first(run, "--batch-size 16 --threads 1 --output part");
  check_refused(run("train --quick --data . --output part"), "expected a folder that no other run is using, got ");
  check_refused(run("train --resume part"), "expected a folder that no other run is using, got part");
  first.send(SIGKILL);
  REQUIRE(first.wait() == 128 + SIGKILL);
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  const fs::path leftover = run.folder() / "part" / fmt::format(".xtape-{}-7.tmp", ended);
  std::ofstream(leftover) << "half";
  const Run rest = run("train --resume part");
  INFO(rest.text);
  CHECK(rest.status == 0);
  CHECK_FALSE(fs::exists(leftover));
  CHECK(fs::exists(run.folder() / "part" / "model.safetensors"));
}

TEST_CASE("a run is resumed from any current folder") {
  const Programs run;
  write_other_data(run.folder());
  fs::create_directory(run.folder() / "below");
  REQUIRE(run("train --quick --data . --output 'a run'").status == 0);
  std::ofstream(run.folder() / "a run/settings.ini", std::ios::app) << "epoks=3\n";
  check_refused(run("train --resume 'a run'"), "train: expected the settings of a run in a run/settings.ini, got: ");
  std::string settings = bytes_of(run.folder() / "a run/settings.ini");
  std::ofstream(run.folder() / "a run/settings.ini") << settings.substr(0, settings.find("epoks"));
  const Run rest = run("train --help > /dev/null; cd below; " + train() + " --resume '../a run'");
  INFO(rest.text);
  CHECK(rest.status == 0);
  CHECK_THAT(rest.text, Contains("test accuracy"));
}

TEST_CASE("results are printed even if the disk is full") {
  const Programs run;
  write_other_data(run.folder());
  const Run full =
      run("train --help > /dev/null; trap '' XFSZ; ulimit -f 20; " + train() + " --quick --data . --output full");
  check_refused(full, "model.safetensors, got: File too large");
  CHECK_THAT(full.text, Contains("test accuracy 0."));
}

TEST_CASE("train requires images of at least two classes, in a folder for each") {
  const Programs run;
  const std::string command = "train --model convnet --data animals";
  const fs::path animals = run.folder() / "animals";
  write_grey_images(animals, 20, 3);
  check_refused(run(command), "3 images lie in ");
  write_grey_images(animals / "cat", 20, 5);
  check_refused(run(command), "expected images of at least 2 classes, got 1");
  fs::create_directory(animals / "dog");
  check_refused(run(command), "in the folder of each class, got none in dog in ");
  fs::remove_all(animals);
  for (const std::string name : {"cat", "dog"}) write_grey_images(animals / name, 20, 1);
  CHECK(run(command).text == "load_data: expected at least 3 photographs, of which a fifth is for tests, got 2 in " +
                                 animals.string() + "\n");
  write_grey_images(animals / "cat", 20, 9);
  CHECK(run(command + " --validation 0.01").text ==
        "train: --validation 0.01: split: expected at least one sample in each part, got 0 of 8 samples for the "
        "fraction 0.01; use more samples or a larger fraction\n");
  CHECK_FALSE(fs::exists(run.folder() / "runs"));
  const Programs among;  // the default folder of runs would be a class
  for (const std::string name : {"cat", "dog"}) write_grey_images(among.folder() / name, 20, 5);
  for (const auto& [options, named] :
       {std::pair<std::string, std::string>{"", "got runs; name another with --output\n"},
        {" --output new/run", "/new/run; name another with --output\n"},
        {" --output ../out --tensorboard logs", "/logs; name another with --tensorboard\n"}}) {
    const Run refused = among("train --model convnet --data ." + options);
    check_refused(refused, "where it would be taken for a class, got ");
    CHECK_THAT(refused.text, Catch::EndsWith(named));
  }
  for (const std::string folder : {"runs", "new", "logs"}) CHECK_FALSE(fs::exists(among.folder() / folder));
}

TEST_CASE("runs without --output that start at the same time have different folders") {
  const Programs run;
  write_other_data(run.folder());
  constexpr int starts = 6;
  std::string command = "train --help > /dev/null; ";
  for (int i = 0; i < starts; ++i) {
    command += fmt::format("({} --quick --threads 1 --data . > out{} 2>&1; echo $? > status{}) & ", train(), i, i);
  }
  REQUIRE(run(command + "wait").status == 0);
  for (int i = 0; i < starts; ++i) {
    INFO(bytes_of(run.folder() / fmt::format("out{}", i)));
    CHECK(bytes_of(run.folder() / fmt::format("status{}", i)) == "0\n");
  }
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(run.folder() / "runs")) {
    ++folders;
    CHECK(fs::exists(entry.path() / "model.safetensors"));
    CHECK_FALSE(bytes_of(entry.path() / "settings.ini").empty());
  }
  CHECK(folders == starts);
}
