// The programs from outside: exit statuses, and what they refuse before any work is done.

#include <cstdlib>
#include <fstream>
#include <sys/wait.h>

#include "tests/support/support.hpp"

namespace fs = std::filesystem;
using Catch::Contains;

namespace {

struct Run {
  int status;
  std::string text;  ///< standard output and standard error
};

/// Runs a program below $XTAPE_EXAMPLES in a folder of its own. Skips when there is none.
class Programs {
 public:
  Programs() {
    const char* where = std::getenv("XTAPE_EXAMPLES");
    if (!where) xtape::test::skip("XTAPE_EXAMPLES, the folder of the example programs, is not set (meson sets it)");
    programs_ = where;
  }
  Run operator()(const std::string& command, const std::string& output = "") const {
    const fs::path log = folder_ / "log";
    const std::string redirected =
        output.empty() ? fmt::format("> '{}' 2>&1", log.string()) : fmt::format("> {} 2> '{}'", output, log.string());
    const int status = std::system(
        fmt::format("cd '{}' && {}/{} {}", folder_.path().string(), programs_, command, redirected).c_str());
    std::ifstream stream(log);
    return {WEXITSTATUS(status), {std::istreambuf_iterator<char>(stream), {}}};
  }
  const fs::path& folder() const { return folder_.path(); }

 private:
  std::string programs_;
  xtape::test::TemporaryFolder folder_;
};

void check_refused(const Run& run, const std::string& message) {
  INFO(run.text);
  CHECK(run.status == 2);
  CHECK_THAT(run.text, Contains(message));
}

void write_bytes(const fs::path& path, const std::vector<int>& extents, std::int64_t count) {
  std::ofstream out(path, std::ios::binary);
  out.write("\0\0\x08", 3).put(static_cast<char>(extents.size()));
  for (const int extent : extents)
    out.write("\0\0", 2).put(static_cast<char>(extent / 256)).put(static_cast<char>(extent));
  for (std::int64_t i = 0; i < count; ++i) out.put(static_cast<char>(i % 10));
}

/// A small data set in IDX files that is not Fashion-MNIST.
void write_other_data(const fs::path& folder) {
  for (const std::string part : {"train", "t10k"}) {
    write_bytes(folder / (part + "-images-idx3-ubyte"), {320, 28, 28}, 320 * 28 * 28);
    write_bytes(folder / (part + "-labels-idx1-ubyte"), {320}, 320);
  }
}

}  // namespace

TEST_CASE("help is no error, and a wrong command line is one with exit status 2") {
  const Programs run;
  for (const std::string program : {"custom_op", "custom_layer", "manual_loop", "train", "lab/lab"}) {
    INFO(program);
    CHECK(run(program + " --help").status == 0);
    CHECK(run(program + " --no-such-option").status == 2);
  }
}

TEST_CASE("what could not be printed is an error") {
  const Programs run;
  for (const std::string program : {"custom_op", "custom_op --help", "train --help"}) {
    check_refused(run(program, "/dev/full"), "standard output");
  }
}

TEST_CASE("train refuses options that make no sense, before it makes a folder") {
  const Programs run;
  check_refused(run("train --seed -1"), "--seed");
  check_refused(run("train --data ''"), "--data");
  check_refused(run("train --output ''"), "--output");
  for (const std::string rate : {"nan", "inf", "0", "-1"}) check_refused(run("train --learning-rate " + rate), "rate");
  check_refused(run("train --threads 4000"), "--threads");
  check_refused(run("train --data " + run.folder().string()), "train-images-idx3-ubyte");
  check_refused(run("train --model resnet50"), "--data FOLDER");
  CHECK_FALSE(fs::exists(run.folder() / "runs"));
}

TEST_CASE("train finds out before the first epoch that it can't write its results") {
  const Programs run;
  write_other_data(run.folder());
  const std::string train = "train --quick --data " + run.folder().string() + " --output ";
  for (const fs::path& folder : {fs::path("/proc/self"), fs::path("/proc/self/none"), run.folder() / "log" / "below"}) {
    const Run result = run(train + folder.string());
    check_refused(result, "train: expected to be able to");
    CHECK(result.text.find("epoch") == std::string::npos);
  }
}

TEST_CASE("train promises a recipe's accuracy for the recipe's data and values, however they are given") {
  const Programs run;
  write_other_data(run.folder());
  const Run other = run("train --quick --data " + run.folder().string());
  INFO(other.text);
  CHECK(other.status == 0);
  CHECK(other.text.find("target") == std::string::npos);
  if (!fs::exists("/usr/share/datasets/fashion-mnist")) xtape::test::skip("no Fashion-MNIST");
  CHECK_THAT(run("train --quick --batch-size 64 --learning-rate 2e-3").text, Contains("target accuracy 0.54"));
  CHECK_THAT(run("train --quick --data /usr/share/datasets/fashion-mnist/").text, Contains("target accuracy 0.54"));
  CHECK(run("train --quick --batch-size 128").text.find("target") == std::string::npos);
}

TEST_CASE("lab refuses a folder without the data that it was told to read") {
  const Programs run;
  check_refused(run("lab/lab --quick --data " + run.folder().string()), "expected train_signs.h5");
  check_refused(run("lab/lab --quick --data /none"), "/none");
  check_refused(run("lab/lab --quick --seed -1"), "--seed");
}
