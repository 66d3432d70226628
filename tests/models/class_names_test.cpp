#include "framework/io/safetensors.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "models/files/model_file.hpp"
#include "models/files/weights.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

TEST_CASE("class names are saved and loaded with a model") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({4});
  const Model model(input, Dense({.units = 2})(input));
  save_model(model, folder / "named.safetensors", {.class_names = {"cat \"x\"", "dög"}});
  CHECK(load_class_names(folder / "named.safetensors") == std::vector<std::string>{"cat \"x\"", "dög"});
  CHECK(load_model(folder / "named.safetensors").parameter_count() == 10);
  save_model(model, folder / "plain.safetensors");
  CHECK(load_class_names(folder / "plain.safetensors").empty());
  CHECK(error_of([&] { save_model(model, folder / "x", {.class_names = {"one"}}); }) ==
        "save_model: expected a name for each of the 2 outputs, got 1 for " + (folder / "x").string());
  CHECK(error_of([&] {
          save_model(model, folder / "x", {.class_names = {"a", "\xff"}});
        }) == "save_model: " + (folder / "x").string() +
                  ": class_names[1]: expected text in UTF-8, got byte 0xff after 0 others");
  CHECK_THAT(error_of([&] {
               save_model(model, folder / "x", {.class_names = {"a", "a"}});
             }),
             Catch::Contains("save_model: " + (folder / "x").string() + ": class_names[1]: expected different names"));
  CHECK_THAT(
      error_of([&] {
        save_model(model, folder / "x", {.class_names = {"a", "b\n"}});
      }),
      Catch::Contains("save_model: ") &&
          Catch::Contains("class_names[1]: expected text without control characters, got byte 0x0a after 1 others"));
  save_safetensors(folder / "twice.safetensors", {}, {{"graph", "{}"}, {"class_names", R"(["a", "b", "a"])"}});
  CHECK(error_of([&] { load_class_names(folder / "twice.safetensors"); }) ==
        "load_class_names: " + (folder / "twice.safetensors").string() +
            ": class_names[2]: expected different names, got \"a\" twice");
  save_weights(model, folder / "weights.safetensors");
  CHECK(error_of([&] { load_class_names(folder / "weights.safetensors"); }) ==
        "load_class_names: expected a file of save_model(), got " + (folder / "weights.safetensors").string());
  save_safetensors(folder / "odd.safetensors", {}, {{"graph", "{}"}, {"class_names", "[1]"}});
  CHECK(error_of([&] { load_class_names(folder / "odd.safetensors"); }) ==
        "load_class_names: expected a JSON list of texts as \"class_names\" in the metadata of " +
            (folder / "odd.safetensors").string() + ", got [1]");
}

}  // namespace
}  // namespace xtape
