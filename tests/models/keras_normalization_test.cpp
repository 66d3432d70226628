// Normalization and Rescaling of Keras with numbers among their options, as in EfficientNet.
#include <array>

#include "framework/io/hdf5.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::error_of;

/// Reads a file of Keras 2 with a layer of samples (2, 3), which has no weights.
Model read(const std::string& type, const std::string& options, const std::string& shape = "[null, 2, 3]") {
  const test::TemporaryFolder folder;
  const std::string config = R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
      {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": )" +
                             shape + R"(}},
      {"class_name": ")" + type +
                             R"(", "config": {"name": "tested", "dtype": "float32", )" + options + "}}]}}";
  save_hdf5(folder / "m.h5", {},
            {{"/", "model_config", {config}, false},
             {"/", "keras_version", {"2.15.0"}, false},
             {"model_weights", "layer_names", {"tested"}},
             {"model_weights/tested", "weight_names", {}}});
  return load_keras_model(folder / "m.h5");
}

const Tensor x = Tensor::of({1, 2, 3}, {1, 2, 3, -4, 5, -6});

void check_values(const Model& model, const std::vector<double>& expected) {
  const std::vector<double> got = test::output_of(model, x).to_vector();
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK_THAT(got[i], Catch::WithinAbs(expected[i], 1e-6));
}

TEST_CASE("a Normalization of Keras that has mean and variance among its options computes with them") {
  check_values(read("Normalization", R"("axis": [-1], "mean": [1, 2, -3], "variance": [4, 1, 0.25])"),
               {0, 0, 12, -2.5, 3, -6});
  check_values(read("Normalization", R"("axis": -1, "mean": 1, "variance": [[[4.0]]])"), {0, 0.5, 1, -2.5, 2, -3.5});
  const Model constant = read("Normalization", R"("mean": [1, 2, 3], "variance": [0, 1, 1])");
  CHECK(constant.parameter("tested/variance").value().to_vector() == std::vector<double>{0, 1, 1});
}

TEST_CASE("a Normalization of Keras in models inside of models has the mean and variance of its options") {
  const test::TemporaryFolder folder;
  const auto sequential = [](const std::string& name, const std::string& layer) {
    return R"({"class_name": "Sequential", "config": {"name": ")" + name + R"(", "layers": [
        {"class_name": "InputLayer", "config": {"name": "in_)" +
           name + R"(", "batch_input_shape": [null, 2, 3]}},
        )" +
           layer + "]}}";
  };
  save_hdf5(folder / "m.h5", {},
            {{"/",
              "model_config",
              {sequential("outer", sequential("middle", sequential("inner", R"({"class_name": "Normalization", "config":
                   {"name": "tested", "dtype": "float32", "axis": [-1], "mean": [1, 2, -3], "variance": [4, 1, 0.25]}})")))},
              false},
             {"/", "keras_version", {"2.15.0"}, false},
             {"model_weights", "layer_names", {"middle"}},
             {"model_weights/middle", "weight_names", {}}});
  check_values(load_keras_model(folder / "m.h5"), {0, 0, 12, -2.5, 3, -6});
}

TEST_CASE("a Rescaling of Keras with a number for each channel is a Normalization") {
  check_values(read("Rescaling", R"("scale": [2, 1, 0.5], "offset": [0, 1, -1])"), {2, 3, 0.5, -8, 6, -4});
  check_values(read("Rescaling", R"("scale": [2, 1, 0.5])"), {2, 2, 1.5, -8, 5, -3});
  check_values(read("Rescaling", R"("scale": 2, "offset": [0, 1, -1])"), {2, 5, 5, -8, 11, -13});
  check_values(read("Rescaling", R"("scale": [2], "offset": 1)"), {3, 5, 7, -7, 11, -11});
  check_values(read("Rescaling", R"("scale": {"class_name": "__numpy__", "config": {"value": [[2, 1, 0.5]]}})"),
               {2, 2, 1.5, -8, 5, -3});
  CHECK(read("Rescaling", R"("scale": 2, "offset": 1)").layer("tested").type() == "Rescaling");
}

TEST_CASE("numbers of Normalization and Rescaling that do not fit the channels are rejected") {
  CHECK_THAT(
      error_of([] { read("Normalization", R"("mean": [1, 2], "variance": [1, 2, 3])"); }),
      Contains("layer \"tested\" of class Normalization: mean: expected a number for each channel, 3 in all, got 2"));
  CHECK_THAT(error_of([] { read("Normalization", R"("mean": [1, 2, 3])"); }),
             Contains(": layer \"tested\" of class Normalization: expected both mean and variance, got one of them"));
  CHECK_THAT(
      error_of([] { read("Normalization", R"("mean": "a", "variance": 1)"); }),
      Contains(": layer \"tested\" of class Normalization: mean: expected a number or a list of them, got \"a\""));
  CHECK_THAT(error_of([] { read("Normalization", R"("mean": 1, "variance": 1)", "[null, 1048577]"); }),
             Contains(": layer \"tested\" of class Normalization: mean: expected a number for each channel, 1048577 in "
                      "all, got 1"));
  CHECK_NOTHROW(read("Normalization", R"("mean": 1, "variance": 1)", "[null, 1048576]"));
  CHECK_THAT(error_of([] { read("Rescaling", R"("scale": [1, -2, 3])"); }),
             Contains("layer \"tested\" of class Rescaling: scale: expected numbers from 1e-6 to 1e6, got -2"));
  CHECK_THAT(
      error_of([] { read("Rescaling", R"("scale": [1, 2], "offset": [1, 2, 3])"); }),
      Contains(": layer \"tested\" of class Rescaling: scale: expected a number for each channel, 3 in all, got 2"));
  CHECK_THAT(error_of([] { read("Rescaling", R"("offset": [1, 2, 3])"); }),
             Contains(": layer \"tested\" of class Rescaling: scale: expected a number or a list of them, got null"));
  for (const auto& [type, name, options] :
       std::vector<std::array<const char*, 3>>{{"Rescaling", "scale", R"("scale": [])"},
                                               {"Rescaling", "offset", R"("scale": 2, "offset": [[]])"},
                                               {"Normalization", "mean", R"("mean": [], "variance": 1)"}}) {
    CHECK_THAT(error_of([&type = type, &options = options] { read(type, options); }),
               Contains(fmt::format("layer \"tested\" of class {}: {}: expected a number or a list of them, got []",
                                    type, name)));
  }
  CHECK_THAT(error_of([] { read("Rescaling", R"("scale": [1, 2, 3], "foo": 3)"); }), Contains("\"foo\""));
  CHECK_NOTHROW(read("Rescaling", R"("scale": [1e-6, 1, 1e6])"));
  for (const char* scale : {"[1.01e6, 1, 1]", "[1, 1, 0.99e-6]", "[1, 0, 1]"}) {
    CHECK_THAT(error_of([&] { read("Rescaling", std::string("\"scale\": ") + scale); }),
               Contains("scale: expected numbers from 1e-6 to 1e6"));
  }
  CHECK_THAT(error_of([] { read("Rescaling", R"("scale": [[1, 2, 3], [4, 5, 6]])"); }),
             Contains(": layer \"tested\" of class Rescaling: scale: expected numbers along the last axis alone, got "
                      "[[1,2,3],[4,5,6]]"));
  CHECK_THAT(error_of([] { read("Normalization", R"("mean": 1, "variance": [1, -1, 1])"); }),
             Contains(": layer \"tested\" of class Normalization: variance: expected numbers of at least 0, got -1"));
}

}  // namespace
}  // namespace xtape
