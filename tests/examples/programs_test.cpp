// The programs from outside: exit statuses, and what they refuse before any work is done.

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "framework/io/image.hpp"
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
  for (const std::string program :
       {"custom_op", "custom_layer", "manual_loop", "train", "lab/lab", "predict", "evaluate"}) {
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

TEST_CASE("evaluate and predict use what train has learned") {
  const Programs run;
  write_other_data(run.folder());
  const std::string data = "--data " + run.folder().string();
  REQUIRE(run("train --quick --output trained " + data).status == 0);
  const std::string model = " --model trained/model.safetensors ";
  const Run judged = run("evaluate" + model + data);
  INFO(judged.text);
  CHECK(judged.status == 0);
  CHECK_THAT(judged.text, Contains("320 test images of mnist: loss ") && Contains("precision") && Contains("\n9  ") &&
                              Contains("confusion"));
  xtape::write_png(run.folder() / "photo.png", xtape::Tensor::full({30, 40, 3}, 99, xtape::DType::uint8));
  const Run named = run("predict" + model + "photo.png . --top 2 --classes a,b,c,d,e,f,g,h,i,j");
  INFO(named.text);
  CHECK(named.status == 0);
  CHECK_THAT(named.text, Contains("photo.png\n  ") && Contains("./photo.png\n  ") && Contains(" % "));
  const Run json = run("predict --json" + model + "photo.png");
  const nlohmann::json list = nlohmann::json::parse(json.text);
  REQUIRE(list.size() == 1);
  CHECK(list[0]["file"] == "photo.png");
  REQUIRE(list[0]["predictions"].size() == 3);
  CHECK(list[0]["predictions"][0]["probability"] >= list[0]["predictions"][1]["probability"]);
  check_refused(run("predict" + model + "labels photo.png"), "labels: No such file");
  CHECK_THAT(run("predict" + model + "none.png photo.png").text, Contains("\nphoto.png\n"));  // all the same
  check_refused(run("predict --classes a,b" + model + "photo.png"), "the names of 10 classes, got 2");
  check_refused(run("predict" + model + "trained"), "JPEG or PNG files in trained, got none");
  check_refused(run("evaluate --model none"), "none");
  fs::create_directory(run.folder() / "empty");
  check_refused(run("evaluate" + model + "--data empty"), "got none of them in empty");
}

TEST_CASE("train and evaluate take folders of photographs") {
  const Programs run;
  for (const std::string part : {"train", "test"}) {
    for (const auto& [name, value] : {std::pair{"dark", 20}, {"light", 220}}) {
      fs::create_directories(run.folder() / part / name);
      for (int i = 0; i < 8; ++i) {
        xtape::write_png(run.folder() / part / name / fmt::format("{}.png", i),
                         xtape::Tensor::full({20 + i, 30, 3}, value + 4 * i, xtape::DType::uint8));
      }
    }
  }
  const Run trained = run("train --model convnet --epochs 3 --output trained --data .");
  INFO(trained.text);
  CHECK(trained.status == 0);
  CHECK_THAT(trained.text, Contains("16 training and 16 test images (64, 64, 3)"));
  const Run judged = run("evaluate --model trained/model.safetensors --data .");
  INFO(judged.text);
  CHECK(judged.status == 0);
  CHECK_THAT(judged.text, Contains("16 test images of photographs") && Contains("\ndark ") && Contains("\nlight "));
  fs::rename(run.folder() / "test" / "dark", run.folder() / "test" / "darker");
  check_refused(run("train --model convnet --data ."), "the same classes in train and test");
}

TEST_CASE("train that is interrupted says how to go on, and then ends with the weights of a run that was not") {
  const Programs run;
  write_other_data(run.folder());
  const std::string options = " --data " + run.folder().string() + " --epochs 60 --batch-size 16 --threads 1 --report";
  REQUIRE(run("train" + options + " --output whole").status == 0);
  const Run stopped = run("train --help > /dev/null; timeout --preserve-status -s INT 2 " +
                          std::string(std::getenv("XTAPE_EXAMPLES")) + "/train" + options + " --output part");
  INFO(stopped.text);
  CHECK(stopped.status == 130);
  CHECK_THAT(stopped.text, Contains("stopped: interrupted (SIGINT)\nto go on: ./run train --resume part\n"));
  const Run rest = run("train --resume part");
  INFO(rest.text);
  CHECK(rest.status == 0);
  const auto bytes = [&](const fs::path& path) {
    std::ifstream stream(run.folder() / path, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  CHECK(bytes("whole/model.safetensors").size() > 1000);
  CHECK(bytes("whole/model.safetensors") == bytes("part/model.safetensors"));
  CHECK_THAT(bytes("part/report.html"), Contains("Confusion matrix"));
}

TEST_CASE("train goes on only with a run, and with its settings") {
  const Programs run;
  check_refused(run("train --resume none"), "train: expected the folder of a run after --resume, got none");
  check_refused(run("train --resume none --seed 3"), "--seed");
  check_refused(run("train --checkpoint-every -1"), "--checkpoint-every");
}

TEST_CASE("the tutorial's programs make photographs, learn from them, stop and go on, and name one") {
  const Programs run;
  REQUIRE(run("tutorial_photos 600").status == 0);
  const Run first = run("tutorial_train 1");
  INFO(first.text);
  REQUIRE(first.status == 0);
  const Run rest = run("tutorial_train 4");  // finds the checkpoint of the first epoch
  INFO(rest.text);
  REQUIRE(rest.status == 0);
  CHECK_THAT(rest.text, Contains("test accuracy 0.") && Contains("epoch 2/4") && !Contains("epoch 1/4"));
  CHECK(fs::exists(run.folder() / "report.html"));
  const fs::path bag = *fs::directory_iterator(run.folder() / "photos" / "Bag");
  const Run named = run("tutorial_name '" + bag.string() + "'");
  INFO(named.text);
  CHECK(named.status == 0);
  CHECK_THAT(named.text, Contains(" %)"));
  check_refused(run("tutorial_name"), "name: expected one photograph, got 0 arguments");
  check_refused(run("tutorial_name none.png"), "none.png");
}

TEST_CASE("lab refuses a folder without the data that it was told to read") {
  const Programs run;
  check_refused(run("lab/lab --quick --data " + run.folder().string()), "expected train_signs.h5");
  check_refused(run("lab/lab --quick --data /none"), "/none");
  check_refused(run("lab/lab --quick --seed -1"), "--seed");
}
