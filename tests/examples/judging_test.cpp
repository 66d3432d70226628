// The output of predict and evaluate for networks whose outputs are known.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <xtape/xtape.hpp>

#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

/// A network with the logits 0 and 10 (m - 1/2) for images (4, 4, 3) of mean m, 0 to 1: the first class is dark, the
/// second light.
Model judge_of_brightness(const ActivationFunction& ending = linear) {
  const auto input = Input({4, 4, 3});
  const Model model(input, Dense({.units = 2, .activation = ending})(Flatten()(input)));
  std::vector<double> kernel;
  for (int i = 0; i < 48; ++i) kernel.insert(kernel.end(), {0, 10.0 / 48});
  model.parameters()[0].set_value(Tensor::of({48, 2}, kernel));
  model.parameters()[1].set_value(Tensor::of({2}, {0, -5}));
  return model;
}

/// Writes photos/{train,test}/CLASS/*.png with these grey values.
void write_classes(const fs::path& folder, const std::vector<std::pair<std::string, int>>& classes) {
  fs::remove_all(folder / "photos");
  for (const std::string part : {"train", "test"}) {
    for (const auto& [name, value] : classes) write_grey_images(folder / "photos" / part / name, value, 3);
  }
}

const std::string evaluate_it = "evaluate --model model --data photos";

}  // namespace

TEST_CASE("evaluate has the same loss for logits and for the probabilities of a softmax") {
  const Programs run;
  write_classes(run.folder(), {{"dark", 51}, {"light", 255}});
  // logits of the second class -3 for mean 0.2, 5 for mean 1; loss ln(1 + e^-3) and ln(1 + e^-5)
  const std::string expected = fmt::format("loss {:.4f}", (std::log1p(std::exp(-3)) + std::log1p(std::exp(-5))) / 2);
  for (const ActivationFunction& ending : {ActivationFunction(linear), ActivationFunction(softmax)}) {
    save_model(judge_of_brightness(ending), run.folder() / "model");
    CHECK_THAT(run(evaluate_it).text, Contains(expected));
    const nlohmann::json list = nlohmann::json::parse(run("predict --model model --json photos/test/light/0.png").text);
    CHECK(list[0]["predictions"][0]["probability"] == Approx(1 / (1 + std::exp(-5))));
  }
  for (const ActivationFunction& ending : {ActivationFunction(sigmoid), ActivationFunction(tanh)}) {
    save_model(judge_of_brightness(ending), run.folder() / "model");
    check_refused(run(evaluate_it), "got one that ends in " + ending.name());
    check_refused(run("predict --model model photos/test/light/0.png"), "got one that ends in " + ending.name());
  }
}

TEST_CASE("evaluate and predict recognize a softmax that is followed by layers that only move values") {
  const Programs run;
  write_classes(run.folder(), {{"dark", 51}, {"light", 255}});
  const Model inner = judge_of_brightness(softmax);
  const auto input = Input(inner.input_shape());
  save_model(Model(input, Flatten()(inner(input))), run.folder() / "model");
  CHECK_THAT(run(evaluate_it).text,
             Contains(fmt::format("loss {:.4f}", (std::log1p(std::exp(-3)) + std::log1p(std::exp(-5))) / 2)));
  const nlohmann::json list = nlohmann::json::parse(run("predict --model model --json photos/test/light/0.png").text);
  CHECK(list[0]["predictions"][0]["probability"] == Approx(1 / (1 + std::exp(-5))));
}

TEST_CASE("evaluate matches classes by name if both sides have names, otherwise by number") {
  const Programs run;
  const auto accuracy_of = [&](const std::vector<std::pair<std::string, int>>& classes,
                               const std::vector<std::string>& names) {
    write_classes(run.folder(), classes);
    save_model(judge_of_brightness(), run.folder() / "model", {.class_names = names});
    const Run judged = run(evaluate_it);
    INFO(judged.text);
    return judged.status == 0 ? number_after(judged.text, "\naccuracy ") : -1;
  };
  CHECK(accuracy_of({{"dark", 20}, {"light", 220}}, {"dark", "light"}) == 1);
  // the folders are read in the order day, night
  CHECK(accuracy_of({{"night", 20}, {"day", 220}}, {"night", "day"}) == 1);
  CHECK(accuracy_of({{"day", 220}}, {"night", "day"}) == 1);
  CHECK(accuracy_of({{"1", 220}}, {"0", "1"}) == 1);
  CHECK(accuracy_of({{"1", 20}, {"2", 220}}, {"dark", "light"}) == 1);
  CHECK(accuracy_of({{"dark", 20}, {"light", 220}}, {}) == 1);
  CHECK(accuracy_of({{"dark", 20}, {"light", 220}, {"other", 99}}, {}) == -1);
  write_classes(run.folder(), {{"day", 220}});
  save_model(judge_of_brightness(), run.folder() / "model", {.class_names = {"night", "day"}});
  CHECK_THAT(run(evaluate_it).text, Contains("\nno images of night: 0 in the mean"));
  write_classes(run.folder(), {{"day", 220}, {"dusk", 100}});
  check_refused(run(evaluate_it), "of the network, night, day, got also dusk");
}

TEST_CASE("outputs that are not finite are an error") {
  const Programs run;
  write_classes(run.folder(), {{"dark", 51}, {"light", 255}});
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const Model model = judge_of_brightness();
    for (const bool first : {true, false}) {
      model.parameters()[1].set_value(Tensor::of({2}, {first ? value : 0, first ? 0 : value}));
      save_model(model, run.folder() / "model");
      const std::string photo = "photos/test/light/0.png";
      check_refused(run(evaluate_it), "NaN or infinity for 6 of 6 images (test images of photographs)");
      check_refused(run("predict --model model " + photo), "NaN or infinity for 1 of 1 image (" + photo + ")");
    }
  }
}

TEST_CASE("predict shows results for valid files and reports errors of the others, in JSON too") {
  const Programs run;
  write_classes(run.folder(), {{"dark", 0}, {"light", 255}});
  save_model(judge_of_brightness(), run.folder() / "model", {.class_names = {"dark", "light"}});
  fs::create_directory(run.folder() / "empty");
  const Run shown = run("predict --model model empty photos/test/light none.png ''");
  check_refused(shown, "JPEG or PNG files in empty, got none");
  CHECK_THAT(shown.text, Contains("none.png: No such file") && Contains("got an empty name") &&
                             Contains("photos/test/light/2.png\n  light  99.33 %"));
  CHECK(run("predict --model model --json empty photos/test/dark/1.png none.png", "out.json").status == 2);
  const nlohmann::json list = nlohmann::json::parse(bytes_of(run.folder() / "out.json"));
  REQUIRE(list.size() == 3);
  CHECK(list[0]["file"] == "empty");
  CHECK_THAT(list[0]["error"].get<std::string>(), Contains("got none"));
  CHECK(list[1]["predictions"][0]["name"] == "dark");
  CHECK(list[2]["file"] == "none.png");
  CHECK(list[2].size() == 2);
}

TEST_CASE("predict accepts one argument for the names of the classes") {
  const Programs run;
  write_grey_images(run.folder() / "photos", 255);
  save_model(judge_of_brightness(), run.folder() / "model");
  const Run named = run("predict --model model --classes night,day photos/0.png ./photos/0.png");
  INFO(named.text);
  CHECK(named.status == 0);
  CHECK_THAT(named.text, StartsWith("photos/0.png\n  day    99.33 %") && Contains("./photos/0.png\n  day    99.33 %"));
  check_refused(run("predict --model model --classes '' photos/0.png"), "--classes");
  CHECK(run("predict --model model --classes day,day photos/0.png").text ==
        "predict: --classes: class_names[1]: expected different names, got \"day\" twice\n");
  CHECK(run("predict --model model --classes ,day photos/0.png").text ==
        "predict: --classes: class_names[0]: expected a name, got an empty text\n");
}

TEST_CASE("control characters in names are not printed on the terminal") {
  const Programs run;
  write_classes(run.folder(), {{"0", 0}, {"1", 255}});
  save_model(judge_of_brightness(), run.folder() / "model", {.class_names = {"dark", "light"}});
  SafetensorsFile file = load_safetensors(run.folder() / "model");
  file.metadata["class_names"] = R"(["\u001b[31mdark", "light"])";
  save_safetensors(run.folder() / "hostile", file.tensors, file.metadata);
  check_refused(run("predict --model hostile photos/test/0"), "expected text without control characters");
  const Run said = run("predict --model model --classes '\x1b[31mdark\x07,light' photos/test/0");
  CHECK(said.status == 2);
  CHECK(said.text ==
        "predict: --classes: class_names[0]: expected text without control characters, got byte 0x1b after 0 others\n");
}

TEST_CASE("--image-size is for networks that take any size") {
  const Programs run;
  write_classes(run.folder(), {{"0", 0}, {"1", 255}});
  save_model(judge_of_brightness(), run.folder() / "model");
  for (const std::string command : {"predict --model model photos/test/0 ", "evaluate --model model --data photos "}) {
    const std::string program = command.substr(0, command.find(' '));
    CHECK(run(command + "--image-size 16").text ==
          program + ": expected --image-size 4 or none for the network in model, got 16\n");
    CHECK(run(command).text == run(command + "--image-size 4").text);
  }
}

TEST_CASE("messages of evaluate and predict name missing arguments") {
  const Programs run;
  save_model(judge_of_brightness(), run.folder() / "model");
  check_refused(run("evaluate --model model"),
                "expected --data FOLDER with images for this network, which takes (4, 4, 3)");
  check_refused(run("evaluate"), "--model is required");
  check_refused(run("evaluate --model ''"), "--model: expected a value, got an empty one");
  check_refused(run("predict --model '' photo.png"), "--model: expected a value, got an empty one");
  check_refused(run("predict --model model"), "photographs is required");
}
