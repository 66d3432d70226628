// The folders of images that train and evaluate read: which kind of data they are, and what is left out of them.
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"
#include "tests/support/occurrences.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

/// What train says about the folder up to the point where it would begin: the batch cannot have so many shards.
std::string plan_for(const Programs& run, const std::string& folder, const std::string& options = "") {
  const Run result = run("train --model convnet --recipe lab --shards 1024 --output " + folder + "-run --data " +
                         folder + " " + options);
  CHECK(result.status == 2);
  return result.text;
}

std::string counts(int train, int test) {
  return fmt::format("; {} training and {} test image{} (64, 64, 3); ", train, test, test == 1 ? "" : "s");
}

/// A model for images (height, width, channels) whose first class always wins.
void save_first(const fs::path& path, const Shape& image, std::int64_t classes, const SaveModelOptions& options = {}) {
  const auto input = Input(image);
  const Model model(input, Dense({.units = classes, .kernel_initializer = zeros()})(Flatten()(input)));
  std::vector<double> bias(static_cast<std::size_t>(classes), 0);
  bias[0] = 1;
  model.parameters()[1].set_value(Tensor::of({classes}, bias));
  save_model(model, path, options);
}

}  // namespace

TEST_CASE("folders with the names of parts of a data set are refused unless they are train and test") {
  const Programs run;
  int number = 0;
  const std::string expected =
      "load_data: expected a folder of images for each class, or train/ and test/ (in small letters) with such folders "
      "in both, got ";
  for (const std::string part :
       {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "Train", "DEV"}) {
    const std::string folder = fmt::format("f{}", ++number), full = (run.folder() / folder).string();
    INFO(part);
    // with folders of classes it is a part, whatever is beside it
    write_grey_images(run.folder() / folder / part / "x", 9, 2);
    write_grey_images(run.folder() / folder / "bus", 9, 2);
    CHECK(plan_for(run, folder) ==
          expected + part + "/ with folders of images in " + full + "; rename or move what does not fit\n");
    // with images it may be a class, if there are others
    fs::remove_all(run.folder() / folder / part);
    write_grey_images(run.folder() / folder / part, 99, 3);
    CHECK_THAT(plan_for(run, folder), Contains(counts(4, 1)));
    // beside another part, it may be one too, but not beside a third class
    const std::string other = part == "test" ? "train" : "test";
    const std::string both = part < other ? part + "/ and " + other : other + "/ and " + part;
    write_grey_images(run.folder() / folder / other, 50, 2);
    CHECK_THAT(plan_for(run, folder), Contains(counts(6, 1)));
    fs::remove_all(run.folder() / folder / "bus");
    CHECK(plan_for(run, folder) == expected + both + "/ with images, which may be classes or parts, in " + full +
                                       "; rename or move what does not fit\n");
  }
}

TEST_CASE("hidden folders and files beside the photographs are no classes") {
  const Programs run;
  const fs::path photos = run.folder() / "photos";
  for (const std::string name : {"cat", "dog"}) write_grey_images(photos / name, 20, 4);
  write_grey_images(photos / ".thumbnails", 20, 3);
  const auto noted = [&](const std::string& note, int train, int test) {
    const std::string text = plan_for(run, "photos");
    CHECK_THAT(text, StartsWith(photos.string() + ": " + note + "\nconvnet (lab), 1026 parameters") &&
                         Contains(counts(train, test)));
  };
  noted("1 entry that is no image", 6, 2);
  fs::create_directory(photos / "dog" / "more");
  noted("2 entries that are no images", 6, 2);
  std::ofstream(photos / "dog" / "notes.txt") << "none";
  noted("3 entries that are no images", 6, 2);
  // a hidden folder of images makes neither a class nor a split
  const fs::path parts = run.folder() / "parts";
  for (const std::string name : {"train", "test"}) {
    write_grey_images(parts / name, 20, 4);
    write_grey_images(parts / name / ".thumbnails", 20, 4);
  }
  write_grey_images(parts / ".old", 20, 2);
  CHECK_THAT(plan_for(run, "parts"), Contains("got test/ and train/ with images, which may be classes or parts, in "));
}

TEST_CASE("three photographs are enough, and at most ten of those that cannot be read are listed") {
  const Programs run;
  const fs::path photos = run.folder() / "photos";
  write_grey_images(photos / "cat", 20, 2);
  write_grey_images(photos / "dog", 20, 1);
  CHECK_THAT(plan_for(run, "photos"), Contains(counts(2, 1)));
  for (const int broken : {1, 10, 12}) {
    for (int i = 0; i < broken; ++i) std::ofstream(photos / "cat" / fmt::format("x{:02}.jpg", i)) << "none";
    const std::string text = plan_for(run, "photos", "--skip-unreadable");
    INFO(text);
    CHECK_THAT(text, StartsWith(fmt::format("{}: left out {} of {} images, which can't be read\n  ", photos.string(),
                                            broken, broken + 3)));
    CHECK(occurrences(text, "\n  ") == std::min(broken, 10));
    CHECK_THAT(text, Contains("cat/x00.jpg") && !Contains("cat/x10.jpg"));
  }
}

TEST_CASE("train and evaluate read compressed IDX files and CIFAR-10, and evaluate names the kind of the data") {
  const Programs run;
  fs::create_directories(run.folder() / "digits");
  fs::create_directories(run.folder() / "cifar");
  write_other_data(run.folder() / "digits");
  save_first(run.folder() / "digit", {28, 28, 1}, 10);
  const std::string judge_digits = "evaluate --model digit --data digits";
  const std::string plain = run(judge_digits).text;
  CHECK_THAT(plain, StartsWith("320 test images of mnist: loss "));
  for (const auto& entry : fs::directory_iterator(run.folder() / "digits")) {
    REQUIRE(std::system(fmt::format("gzip '{}'", entry.path().string()).c_str()) == 0);
  }
  CHECK(run(judge_digits).text == plain);
  CHECK_THAT(run("train --quick --data digits --output out").text,
             StartsWith("small (default), 421642 parameters; 320 training and 320 test images (28, 28, 1); 1 epoch"));
  // records of a label and three planes; the test images are of the first class but for one
  const auto write = [&](const std::string& name, const std::vector<int>& labels) {
    std::ofstream out(run.folder() / "cifar" / name, std::ios::binary);
    for (const int label : labels) out << std::string(1 + 3 * 32 * 32, static_cast<char>(label));
  };
  for (int i = 1; i <= 5; ++i) write(fmt::format("data_batch_{}.bin", i), {2 * i - 2, 2 * i - 1});
  write("test_batch.bin", {0, 0, 0, 1});
  save_first(run.folder() / "small", {32, 32, 3}, 10);
  const std::string judge_small = "evaluate --model small --data cifar";
  const std::string test = run(judge_small).text;
  CHECK_THAT(test, StartsWith("4 test images of cifar-10: loss ") && Contains("\naccuracy 0.7500\n") &&
                       Contains("\nautomobile ") &&
                       Contains("\nno images of bird, cat, deer, dog, frog, horse, ship, truck: 0 in the mean"));
  for (const std::string top : {"10", "11", "1000000"}) {
    CHECK_THAT(run(judge_small + " --top " + top).text, Contains(", right class among the first 10: 1.0000\n"));
  }
  CHECK_THAT(run(judge_small + " --part train").text,
             StartsWith("10 train images of cifar-10: loss ") && Contains("\naccuracy 0.1000\n"));
  CHECK(run("evaluate --model small --data digits").text ==
        "evaluate: expected images (32, 32, 3) for this network, got (28, 28, 1) in digits\n");
  save_first(run.folder() / "few", {32, 32, 3}, 9);
  CHECK(run("evaluate --model few --data cifar").text ==
        "evaluate: expected data of 9 classes for this network, got 10\n");
}

TEST_CASE("the confusion matrix has columns as wide as its largest number") {
  const Programs run;
  for (const std::string part : {"train", "test"}) {
    write_grey_images(run.folder() / "photos" / part / "dark", 9, part == "test" ? 12 : 1);
    write_grey_images(run.folder() / "photos" / part / "light", 200, part == "test" ? 101 : 1);
  }
  save_first(run.folder() / "model", {2, 2, 3}, 2);
  CHECK_THAT(run("evaluate --model model --data photos").text,
             Catch::EndsWith("predicted class\n   0:   12    0\n   1:  101    0\n"));
}

TEST_CASE("test images of some of the classes have the numbers of the training classes") {
  const Programs run;
  for (const std::string name : {"a", "b", "c", "d"}) write_grey_images(run.folder() / "photos/train" / name, 9);
  for (const std::string name : {"b", "d"}) write_grey_images(run.folder() / "photos/test" / name, 9, 3);
  save_first(run.folder() / "model", {2, 2, 3}, 4);
  CHECK_THAT(run("evaluate --model model --data photos").text,
             Contains("\nno images of a, c: 0 in the mean over classes\n") &&
                 Catch::EndsWith("\n   0:  0  0  0  0\n   1:  3  0  0  0\n   2:  0  0  0  0\n   3:  3  0  0  0\n"));
  // classes of other names are numbered alike, and shown with the names of the network
  save_first(run.folder() / "model", {2, 2, 3}, 4, {.class_names = {"one", "two", "three", "four"}});
  fs::rename(run.folder() / "photos", run.folder() / "old");
  for (const std::string part : {"train", "test"}) {
    for (const std::string name : {"1", "2", "3", "4"}) write_grey_images(run.folder() / "photos" / part / name, 9);
  }
  const std::string text = run("evaluate --model model --data photos").text;
  for (const std::string name : {"\none ", "\ntwo ", "\nthree ", "\nfour "}) CHECK_THAT(text, Contains(name));
}

TEST_CASE("the images with outputs that are not finite are counted") {
  const Programs run;
  const auto input = Input({2, 2, 3});
  const Model model(input, Dense({.units = 2, .kernel_initializer = constant(1e37)})(Flatten()(input)));
  save_model(model, run.folder() / "model", {.image_scale = "0..255"});
  for (const std::string part : {"train", "test"}) {
    write_grey_images(run.folder() / "photos" / part / "black", 0, 2);
    write_grey_images(run.folder() / "photos" / part / "white", 255, 3);  // 12 * 255 * 1e37 is no float
  }
  check_refused(run("evaluate --model model --data photos"),
                "evaluate: expected finite outputs of the network, got NaN or infinity for 3 of 5 images (test images "
                "of photographs); its weights are damaged, or its training went wrong\n");
}
