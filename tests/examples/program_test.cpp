// Common code of the programs, called by itself; and details of what the small programs print.
#include "examples/program.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("a gallery has the pictures of a row side by side, and the rows below each other, rounded to 8 bits") {
  const TemporaryFolder folder;
  for (const std::int64_t channels : {1, 3}) {
    const Shape shape{3, 2, 4, channels};  // three pictures, 2 high and 4 wide
    const Tensor first = RandomStream(1).uniform(shape, -0.2, 1.2), second = RandomStream(2).uniform(shape, 0, 1);
    for (const bool both : {true, false}) {
      write_gallery((folder / "g.png").string(), both ? std::vector{first, second} : std::vector{first});
      const Tensor found = read_image(folder / "g.png");
      REQUIRE(found.shape() == Shape{both ? 4 : 2, 12, 3});
      int differing = 0;
      for (std::int64_t row = 0; row < found.dim(0); ++row) {
        for (std::int64_t column = 0; column < 12; ++column) {
          for (std::int64_t c = 0; c < 3; ++c) {
            const Tensor& pictures = row < 2 ? first : second;
            const double value = pictures.at({column / 4, row % 2, column % 4, channels == 1 ? 0 : c});
            const double expected = std::floor(255 * std::clamp(value, 0.0, 1.0) + 0.5);
            if (found.at({row, column, c}) != expected) ++differing;
          }
        }
      }
      CHECK(differing == 0);
    }
  }
}

TEST_CASE("the size of images is that of the network, or that of --image-size where it has none") {
  const auto of = [](const PartialShape& input, std::optional<std::int64_t> size) {
    const auto image = Input(input);
    return image_shape("prog", Model(image, GlobalAveragePooling2D()(MaxPooling2D({.pool_size = 1})(image))), "file",
                       size);
  };
  CHECK(of({5, 7, 3}, std::nullopt) == Shape{5, 7, 3});
  CHECK(of({7, 7, 3}, 7) == Shape{7, 7, 3});
  CHECK(of({any, any, 1}, 9) == Shape{9, 9, 1});
  CHECK(of({any, 7, 1}, 7) == Shape{7, 7, 1});
  CHECK(of({5, any, 1}, 5) == Shape{5, 5, 1});
  for (const PartialShape& input : {PartialShape{any, any, 3}, {5, any, 3}, {any, 7, 3}}) {
    CHECK(error_of([&] { of(input, std::nullopt); }) ==
          fmt::format("prog: expected --image-size for a network that takes images {} in file, got none", input));
  }
  CHECK(error_of([&] { of({5, 7, 3}, 7); }) == "prog: expected --image-size 5 or none for the network in file, got 7");
  CHECK(error_of([&] { of({5, 7, 3}, 5); }) == "prog: expected --image-size 7 or none for the network in file, got 5");
  CHECK(error_of([&] {
          of({any, 7, 3}, 5);
        }) == "prog: expected --image-size 7 or none for the network in file, got 5");
  CHECK(error_of([&] {
          of({5, 7, any}, 5);
        }) == "prog: expected a network with a known number of channels, got (5, 7, None) in file");
  CHECK(not_empty("") == "expected a value, got an empty one");
  CHECK(not_empty(" ").empty());
  CHECK(is_scale("-1..1").empty());
  CHECK_THAT(is_scale("much"), Contains("much"));
}

TEST_CASE("a program that cannot write all of its output says so, whatever else it returns") {
  const Programs run;
  for (const std::string program : {"custom_op", "train --help", "lab/lab --quick"}) {
    CHECK_THAT(run(program, "/dev/full").text,
               Catch::EndsWith("standard output: expected to write all of it, got an error; is the disk full?\n"));
  }
}

TEST_CASE("a probability of 0 counts as the smallest normal number, and classes without names have numbers") {
  const Programs run;
  const auto input = Input({2, 2, 3});
  const Model model(input, Dense({.units = 3, .activation = softmax, .kernel_initializer = zeros()})(Flatten()(input)));
  model.parameters()[1].set_value(Tensor::of({3}, {0, 200, 199}));  // exp(-200) is 0 in float32
  save_model(model, run.folder() / "model");
  for (const std::string part : {"train", "test"}) {
    for (const std::string name : {"0", "1", "2"}) write_grey_images(run.folder() / "photos" / part / name, 9);
  }
  const double smallest = std::log(static_cast<double>(std::numeric_limits<float>::min()));
  const double other = std::log1p(std::exp(-1));
  CHECK_THAT(run("evaluate --model model --data photos").text,
             StartsWith(fmt::format("3 test images of photographs: loss {:.4f}, right class among the first 3: 1.0000",
                                    (-smallest + other + other + 1) / 3)));
  const std::string bar(static_cast<std::size_t>(50 / (1 + std::exp(-1))), '#'),
      shorter(static_cast<std::size_t>(50 / (1 + std::exp(1))), '#');
  CHECK(run("predict --model model photos/test/0/0.png").text ==
        "photos/test/0/0.png\n  1  73.11 % " + bar + "\n  2  26.89 % " + shorter + "\n  0   0.00 % \n");
  const nlohmann::json list = nlohmann::json::parse(run("predict --json --model model photos/test/0/0.png").text);
  REQUIRE(list[0]["predictions"].size() == 3);
  CHECK((list[0]["predictions"][1]["class"] == 2 && list[0]["predictions"][1]["name"] == "2"));
  CHECK(run("predict --model model --top 1 photos/test/0/0.png").text ==
        "photos/test/0/0.png\n  1  73.11 % " + bar + "\n");
}

TEST_CASE("predict shows names of files that a terminal or JSON cannot hold with replacements") {
  const Programs run;
  const auto input = Input({2, 2, 3});
  save_model(Model(input, Dense({.units = 2, .kernel_initializer = zeros()})(Flatten()(input))),
             run.folder() / "model");
  fs::create_directory(run.folder() / "photos");
  for (const std::string name : {"a\x1b[31m.png", "b\xff.png"}) {
    write_png(run.folder() / "photos" / name, Tensor::full({2, 2, 3}, 9, DType::uint8));
  }
  const Run shown = run("predict --model model photos --top 1");
  CHECK(shown.status == 0);
  CHECK_THAT(shown.text, StartsWith("photos/a?[31m.png\n  0  50.00 % ") && Contains("\nphotos/b?.png\n"));
  const Run json = run("predict --json --model model photos");
  CHECK(json.status == 0);
  const nlohmann::json list = nlohmann::json::parse(json.text);
  REQUIRE(list.size() == 2);
  CHECK(list[0]["file"] == "photos/a\x1b[31m.png");
  CHECK(list[1]["file"] == "photos/b\xEF\xBF\xBD.png");  // U+FFFD
}

TEST_CASE("profile and gradcheck with --quick do what their help says, and keep the other options") {
  const Programs run;
  const auto profiled = [&](const std::string& options) { return run("profile --quick " + options).text; };
  CHECK_THAT(profiled(""), StartsWith("convnet, 4 images of 64x64x3, ") && Contains("conv2d_2"));
  CHECK_THAT(profiled("--batch 3 --image-size 40"), StartsWith("convnet, 3 images of 40x40x3, "));
  CHECK_THAT(profiled("--batch 1 --steps 2 --classes 9"), StartsWith("convnet, 1 image of 64x64x3, "));
  CHECK_THAT(profiled("--model resnet50 --batch 1 --image-size 32"), StartsWith("resnet50, 1 image of 32x32x3, "));
  CHECK_THAT(run("gradcheck --model convnet --batch 1 --each 1 --directions 0").text, Contains("\nconvnet: "));
  const std::string checked = run("gradcheck --quick --model resnet50 --each 0").text;
  const std::size_t layers = checked.find("\nlayers: "), convnet = checked.find("\nconvnet: ");
  CHECK((layers != std::string::npos && convnet != std::string::npos && layers < convnet));
  CHECK_THAT(checked, !Contains("resnet50"));
}

TEST_CASE("the programs say what kind of model they need") {
  const Programs run;
  const auto vector = Input({4});
  save_model(Model(vector, Dense({.units = 2})(vector)), run.folder() / "vector");
  const auto image = Input({2, 2, 3});
  save_model(Model(image, Conv2D({.filters = 2})(image)), run.folder() / "map");
  const auto flat = Flatten()(image);
  save_model(Model({image}, {Dense({.units = 2})(flat), Dense({.units = 2})(flat)}), run.folder() / "two");
  for (const std::string program : {"predict", "evaluate"}) {
    const std::string last = program == "predict" ? " photo.png" : " --data .";
    const std::string wanted = program + ": expected a model that gives classes for images, got ";
    CHECK(run(program + " --model vector" + last).text == wanted + "(None, 2) for (None, 4) in vector\n");
    CHECK(run(program + " --model map" + last).text == wanted + "(None, 2, 2, 2) for (None, 2, 2, 3) in map\n");
    CHECK(run(program + " --model two" + last).text == wanted + "(None, 2) for (None, 2, 2, 3) in two\n");
  }
}

TEST_CASE("the report of a run has the name of the folder of photographs, and one message if it cannot be written") {
  const Programs run;
  for (const std::string name : {"cat", "dog"}) write_grey_images(run.folder() / "my pets" / name, 50, 5);
  const std::string train = "train --model convnet --recipe lab --data 'my pets/' --report --output ";
  REQUIRE(run(train + "a --epochs 1").status == 0);
  CHECK_THAT(bytes_of(run.folder() / "a/report.html"), Contains("<h1>convnet on my pets</h1>"));
  fs::create_directories(run.folder() / "b/report.html/x");  // a folder in the place of the file
  const Run failed = run(train + "b --epochs 3");
  INFO(failed.text);
  CHECK(failed.status == 2);
  CHECK(occurrences(failed.text, "train: the training continues without its report: ") == 1);
  CHECK_THAT(failed.text, Contains("\nepoch 3/3 ") && Contains("; test loss "));
  CHECK(fs::exists(run.folder() / "b/model.safetensors"));
}

TEST_CASE("TensorBoard gets the first eight images of the training data, once") {
  const Programs run;
  write_other_data(run.folder());
  REQUIRE(run("train --data . --epochs 2 --output a --tensorboard board").status == 0);
  const std::string events = bytes_of(fs::directory_iterator(run.folder() / "board/train")->path());
  CHECK(occurrences(events, "\x89PNG") == 8);
  const Programs few;
  for (const std::string name : {"cat", "dog"}) write_grey_images(few.folder() / "pets" / name, 50, 3);
  REQUIRE(few("train --model convnet --recipe lab --data pets --epochs 2 --output a --tensorboard board").status == 0);
  CHECK(occurrences(bytes_of(fs::directory_iterator(few.folder() / "board/train")->path()), "\x89PNG") == 5);
}

TEST_CASE("a quick run takes at most 6400 training images and 1000 test images") {
  const Programs run;
  for (const auto& [part, count] : {std::pair{"train", 6401}, {"t10k", 1001}}) {
    write_bytes(run.folder() / fmt::format("{}-images-idx3-ubyte", part), {count, 4, 4}, 16L * count);
    write_bytes(run.folder() / fmt::format("{}-labels-idx1-ubyte", part), {count}, count);
  }
  CHECK_THAT(run("train --quick --data . --shards 1024 --threads 2").text,
             Contains("; 6400 training and 1000 test images (4, 4, 1); 1 epoch, "));
  CHECK_THAT(run("train --data . --shards 1024 --threads 2").text,
             Contains("; 6401 training and 1001 test images (4, 4, 1); 4 epochs, "));
  CHECK_THAT(run("train --quick --validation 0.5 --data . --shards 1024 --threads 2").text,
             Contains("; 3200 training, 3200 validation and 1000 test images (4, 4, 1); 1 epoch, "));
}

TEST_CASE("predict reads the images of a folder in the order of their names, and no folders in it") {
  const Programs run;
  const auto input = Input({2, 2, 3});
  save_model(Model(input, Dense({.units = 2})(Flatten()(input))), run.folder() / "model");
  for (const int i : {5, 3, 9, 1, 7}) {
    fs::create_directories(run.folder() / fmt::format("photos/{}.d.png", i));
    write_png(run.folder() / fmt::format("photos/{}.png", i), Tensor::full({2, 2, 3}, 9, DType::uint8));
  }
  fs::create_symlink("nothing.png", run.folder() / "photos/4.png");
  const Run broken = run("predict --model model photos");
  CHECK(broken.status == 2);
  CHECK_THAT(broken.text, Catch::Contains("expected a file that can be read, got photos/4.png: No such file"));
  fs::remove(run.folder() / "photos/4.png");
  const Run shown = run("predict --json --model model photos");
  CHECK(shown.status == 0);
  std::string files;
  for (const auto& entry : nlohmann::json::parse(shown.text)) files += entry["file"].get<std::string>() + " ";
  CHECK(files == "photos/1.png photos/3.png photos/5.png photos/7.png photos/9.png ");
}

TEST_CASE("a text is one word of a command line") {
  for (const std::string text :
       {"", "plain", "/a-b_c/d.e,f:@=%+9", "\xC3\xA4", "two words", "it's", "a$HOME`x`\"\\;\n*?"}) {
    INFO(text);
    const test::TemporaryFolder folder;
    const std::string file = (folder / "out").string();
    const std::string command = "printf %s " + shell_text(text) + " > " + shell_text(file);
    REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(cert-env33-c)
    std::ifstream in(file);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == text);
  }
  CHECK(shell_text("runs/small-2026") == "runs/small-2026");
  CHECK(shell_text("a run") == "'a run'");
}

TEST_CASE("the examples of an op, a layer, a metric and ten tasks print what they find") {
  const Programs run;
  const auto shown = [&](const std::string& name) {
    const Run result = run(name + " --quick");
    CHECK(result.status == 0);
    return result.text;
  };
  const std::string op = shown("custom_op");
  CHECK_THAT(op, StartsWith("snake: gradients agree: 1 input, 12 derivatives checked, 0 skipped, 0 wrong; ") &&
                     Contains("\n\nsnake with a mistake: gradients DISAGREE: 1 input, 12 derivatives checked, 0 "
                              "skipped, 12 wrong; "));
  const std::string layer = shown("custom_layer");
  CHECK_THAT(layer,
             StartsWith("SqueezeExcite: gradients agree: 12 inputs, 560 derivatives checked, 0 skipped, 0 wrong; ") &&
                 Contains("\nModel: \"squeeze_excite\"") && Contains("\nepoch 12/12 ") &&
                 Catch::EndsWith("\ntest accuracy 1.000\nsaved as squeeze_excite.safetensors and loaded: the "
                                 "same\n"));
  // 3 * 3 * 3 * 8 + 8 of the convolution, 8 * 4 twice of the gates, 8 * 3 + 3 of the last layer
  CHECK(load_safetensors(run.folder() / "squeeze_excite.safetensors").tensors.size() == 6);
  CHECK_THAT(layer, Contains(" 315"));
  CHECK_THAT(shown("custom_metric"), Contains("\nepoch 10/10 ") && Contains("  val_within_0.2 ") &&
                                         Catch::Matches("[^]*\ntest: loss [0-9.]+, within_0.2 [0-9.]+, "
                                                        "mean_absolute_error [0-9.]+\n"));
  const std::string tasks = shown("coming_from");
  CHECK_THAT(tasks, Contains("\nepoch 10/10 ") && Contains(", top_2_accuracy ") && Contains("\nepoch 3\n"));
  for (const char* file : {"coming_from.safetensors", "coming_from.keras"}) CHECK(fs::exists(run.folder() / file));
}
