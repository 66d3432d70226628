// Files of Keras: types, axes and shapes in every form, and whole messages about what is refused.
#include <cmath>
#include <fstream>

#include "framework/io/hdf5.hpp"
#include "framework/io/zip.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_file.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/io/files.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

Json layer_json(const std::string& type, const Json& config, const std::string& name = "tested") {
  Json json{{"class_name", type}, {"name", name}, {"config", config}};
  json["config"]["name"] = name;
  return json;
}

/// A Sequential with an input of this shape, which has the batch axis in front.
Json sequential_json(const Json& shape, const std::vector<Json>& layers) {
  Json json{{"class_name", "Sequential"}, {"config", {{"name", "s"}, {"layers", Json::array()}}}};
  json["config"]["layers"].push_back(layer_json("InputLayer", {{"batch_shape", shape}}, "in"));
  for (const Json& layer : layers) json["config"]["layers"].push_back(layer);
  return json;
}

Model read_graph(const Json& json, int version = 3) {
  return graph_from_keras(json, {.version = version, .custom = {}, .most_elements = 1000}).model;
}

std::string refusal(const Json& json, int version = 3) {
  return error_of([&] { read_graph(json, version); });
}

/// A Functional model in the form of Keras 3: an input of images (6, 6, 2) and one layer.
Json called_json(const std::string& type, const Json& config, const Json& call) {
  Json json = Json::parse(R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
       "config": {"name": "in", "batch_shape": [null, 6, 6, 2]}}],
      "input_layers": [["in", 0, 0]], "output_layers": [["tested", 0, 0]]}})");
  Json layer = layer_json(type, config);
  layer["inbound_nodes"] = Json::array({call});
  json["config"]["layers"].push_back(layer);
  return json;
}

/// The values of all "dtype" in a config, in order.
void collect_types(const Json& json, std::vector<std::string>& types) {
  if (json.is_object() && json.contains("dtype")) types.push_back(json.at("dtype").get<std::string>());
  if (!json.is_structured()) return;
  for (const auto& [name, value] : json.items()) collect_types(value, types);
}

TEST_CASE("all layers of a file of Keras compute in one type, float32 or float64") {
  const auto dense = [](const char* name, const Json& type) {
    return layer_json("Dense", {{"units", 2}, {"dtype", type}}, name);
  };
  const Json policy{{"class_name", "DTypePolicy"}, {"config", {{"name", "float64"}}}};
  for (const Json& type : {Json("float64"), policy}) {
    const Model model = read_graph(sequential_json({nullptr, 3}, {dense("a", type), dense("b", "float64")}));
    CHECK(model.dtype() == DType::float64);
    CHECK(model.parameter("b/kernel").value().dtype() == DType::float64);
    CHECK(refusal(sequential_json({nullptr, 3}, {dense("a", type), dense("tested", "float32")})) ==
          "layer \"tested\" of class Dense: dtype: expected float64 as in the layers before, got float32; a model "
          "computes in one type");
  }
  CHECK(read_graph(sequential_json({nullptr, 3}, {dense("a", nullptr)})).dtype() == DType::float32);
  CHECK(refusal(sequential_json({nullptr, 3}, {dense("a", "float32"), dense("tested", policy)})) ==
        "layer \"tested\" of class Dense: dtype: expected float32 as in the layers before, got float64; a model "
        "computes in one type");
  CHECK(refusal(sequential_json({nullptr, 3}, {dense("tested", "mixed_float16")})) ==
        "layer \"tested\" of class Dense: dtype: expected float32 or float64, got \"mixed_float16\"; set the policy of "
        "the model to float32 in Keras and save it again");
}

TEST_CASE("a model is written for Keras with its type in all layers and calls") {
  const auto vector = Input({3}), tokens = Input({.shape = {2}, .dtype = DType::int64});
  const auto embedded = Flatten()(Embedding({.input_dim = 5, .output_dim = 2})(tokens));
  const auto between = Input({2}), inside = Input({2});
  const Model deep(inside, Activation(relu)(inside)), plain(between, deep(between));  // without parameters
  Model model({vector, tokens}, Concatenate()({plain(Dense({.units = 2})(vector)), embedded}));
  for (const DType type : {DType::float32, DType::float64}) {
    model.convert(type);
    std::vector<std::string> types;
    collect_types(graph_to_keras(model), types);
    const auto of_tokens = std::ranges::count(types, "int64");
    CHECK(of_tokens == 2);  // the input and the call of Embedding
    CHECK(std::ranges::count(types, std::string(to_string(type))) == std::ssize(types) - of_tokens);
    CHECK(types.size() > 12);
    CHECK(read_graph(graph_to_keras(model)).dtype() == type);
  }
}

TEST_CASE("a batch normalization of Keras is along its axis, in each form of the axis") {
  struct Row {
    Json shape, axis;
    std::int64_t channels;
  };
  const std::vector<Row> rows{{{nullptr, 2, 3, 4}, 1, 2},   {{nullptr, 2, 3, 4}, {1}, 2}, {{nullptr, 2, 3, 4}, 3, 4},
                              {{nullptr, 2, 3, 4}, {3}, 4}, {{nullptr, 2, 3, 4}, -1, 4},  {{nullptr, 2, 3, 4}, {-1}, 4},
                              {{nullptr, 3, 4}, 1, 3},      {{nullptr, 3, 4}, {1}, 3},    {{nullptr, 3, 4}, 2, 4},
                              {{nullptr, 5}, 1, 5},         {{nullptr, 5}, {1}, 5}};
  for (const Row& row : rows) {
    INFO(row.shape.dump() << " " << row.axis.dump());
    const Json config{{"axis", row.axis}, {"epsilon", 1.0}, {"momentum", 0.9}};
    const Model model = read_graph(sequential_json(row.shape, {layer_json("BatchNormalization", config)}), 2);
    const Tensor mean = RandomStream(1).uniform({row.channels});
    REQUIRE(model.parameter("tested/moving_mean").shape() == mean.shape());
    for (const Parameter& parameter : model.parameters()) {
      Parameter changed = parameter;
      changed.set_value(Tensor::ones(parameter.shape()));
    }
    model.parameter("tested/moving_mean").set_value(mean);
    std::vector<std::int64_t> extents{1};
    for (std::size_t i = 1; i < row.shape.size(); ++i) extents.push_back(row.shape[i].get<std::int64_t>());
    const Tensor x = RandomStream(2).uniform(Shape(extents));
    const std::vector<double> got = test::output_of(model, x).to_vector(), given = x.to_vector();
    const Json number = row.axis.is_array() ? row.axis[0] : row.axis;
    const auto axis = static_cast<std::size_t>(number == -1 ? std::ssize(extents) - 1 : number.get<std::int64_t>());
    std::int64_t behind = 1;
    for (std::size_t i = axis + 1; i < extents.size(); ++i) behind *= extents[i];
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto channel = static_cast<std::size_t>(static_cast<std::int64_t>(i) / behind % row.channels);
      CHECK(got[i] == Approx((given[i] - mean.to_vector()[channel]) / std::sqrt(2.0) + 1));
    }
  }
}

TEST_CASE("the scale of a normalization of Keras is along the last axes without a gap") {
  for (const auto& [axes, fits] : std::vector<std::pair<Json, bool>>{{-1, true},
                                                                     {3, true},
                                                                     {{3}, true},
                                                                     {{2, 3}, true},
                                                                     {{3, 2}, true},
                                                                     {{1, 2, 3}, true},
                                                                     {{-1, 1}, false},
                                                                     {{1, 3}, false},
                                                                     {{1, 2}, false},
                                                                     {2, false},
                                                                     {-2, false}}) {
    INFO(axes.dump());
    const Json json =
        sequential_json({nullptr, 2, 3, 4}, {layer_json("RMSNormalization", {{"axis", axes}, {"epsilon", 1e-6}})});
    if (fits) {
      CHECK_NOTHROW(read_graph(json));
    } else {
      CHECK(refusal(json) == fmt::format("layer \"tested\" of class RMSNormalization: axis: expected the last axes, "
                                         "got {}; Keras multiplies by the scale along the last axes",
                                         axes.dump()));
    }
  }
}

TEST_CASE("means and maxima over all axes between the batch and the channels are poolings of 1 to 3 axes") {
  for (const int axes : {1, 2, 3, 4}) {
    for (const bool largest : {false, true}) {
      for (const bool keep : {false, true}) {
        for (const bool from_end : {false, true}) {
          Json shape{nullptr}, over = Json::array();
          std::vector<std::int64_t> extents{2};
          for (int i = 0; i < axes; ++i) {
            extents.push_back(i + 2), shape.push_back(i + 2), over.push_back(from_end ? -2 - i : i + 1);
          }
          extents.push_back(3), shape.push_back(3);
          Json operation = called_json(largest ? "Max" : "Mean", {{"axis", over}, {"keepdims", keep}}, Json());
          operation["config"]["layers"][0]["config"]["batch_shape"] = shape;
          Json& tested = operation["config"]["layers"][1];
          tested["module"] = "keras.src.ops.numpy";
          tested["inbound_nodes"] = Json::parse(R"([{"kwargs": {}, "args": [
              {"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}]}])");
          INFO(tested.dump());
          if (axes == 4) {
            CHECK(refusal(operation) == fmt::format("layer \"tested\" of class {0}: operation {0}: expected sequences, "
                                                    "images or volumes, got 6 axes",
                                                    largest ? "Max" : "Mean"));
            continue;
          }
          const Tensor x = RandomStream(1).uniform(Shape(extents), -2, -1);
          const std::vector<double> values = x.to_vector();
          const std::size_t elements = values.size() / 6;  // of a channel of one of two samples
          const Tensor got = test::output_of(read_graph(operation), x);
          CHECK(got.rank() == (keep ? axes + 2 : 2));
          REQUIRE(got.size() == 6);
          for (std::size_t sample = 0; sample < 2; ++sample) {
            for (std::size_t channel = 0; channel < 3; ++channel) {
              double sum = 0, most = -2;
              for (std::size_t i = 0; i < elements; ++i) {
                const double value = values[(sample * elements + i) * 3 + channel];
                sum += value, most = std::max(most, value);
              }
              const double expected = largest ? most : sum / static_cast<double>(elements);
              CHECK(got.to_vector()[3 * sample + channel] == Approx(expected));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("a Sequential without an InputLayer has the shape of its first layer, or that of its build") {
  const auto shape_of = [](const char* place, const Json& shape) {
    Json json = sequential_json({nullptr, 1}, {layer_json("Dense", {{"units", 2}})});
    json["config"]["layers"].erase(0);
    (std::string(place) == "build_input_shape" ? json["config"] : json["config"]["layers"][0]["config"])[place] = shape;
    return read_graph(json).input_shape();
  };
  for (const char* place : {"batch_input_shape", "build_input_shape"}) {
    INFO(place);
    CHECK(shape_of(place, {nullptr, 4}) == PartialShape{4});
    CHECK(shape_of(place, {8, nullptr, 4}) == PartialShape{any, 4});
  }
}

TEST_CASE("configs of Keras that are refused are errors with whole messages") {
  const std::string tested = "layer \"tested\"", flatten = tested + " of class Flatten: ";
  const auto flattened = [](const char* call) { return called_json("Flatten", Json::object(), Json::parse(call)); };
  CHECK_NOTHROW(read_graph(flattened(R"({"args": {"class_name": "__keras_tensor__", "config":
      {"keras_history": ["in", 0, 0]}}, "kwargs": null})")));
  CHECK(refusal(flattened(R"({"args": [], "kwargs": 3})")) ==
        tested + ": expected the arguments of a call as an object, got 3");
  CHECK(refusal(flattened(R"({"args": [7]})")) ==
        tested + ": expected a call on outputs of layers, got the argument 7; compute it in a layer in Keras");
  CHECK(refusal(flattened(R"({"args": ["text"]})")) ==
        tested + ": expected a call on outputs of layers, got the argument \"text\"; compute it in a layer in Keras");
  CHECK(refusal(flattened("[3]")) == tested + ": expected [layer, call, output] in inbound_nodes, got 3");
  Json json = flattened(R"([["in", 0, 0]])");
  CHECK_NOTHROW(read_graph(json));
  json["config"]["layers"][1]["inbound_nodes"] = 3;
  CHECK(refusal(json) == tested + ": expected inbound_nodes as a list, got 3");
  json = flattened(R"([["in", 0, 0]])");
  json["config"]["layers"][1].erase("name");
  CHECK(refusal(json).starts_with("expected layers with a name, got {\"class_name\":\"Flatten\""));
  json = flattened(R"([["in", 0, 0]])");
  json["config"]["layers"][1]["config"] = 3;
  CHECK(refusal(json) == flatten + "config: expected an object, got 3");
  json["config"]["layers"][1].erase("config");
  CHECK(refusal(json).starts_with(flatten + "expected a layer with class_name and config, got {\"class_name\""));
  json = sequential_json({nullptr, 3}, {layer_json("Flatten", Json::object(), "")});
  CHECK(refusal(json) == "layer \"\" of class Flatten: name: expected a name, got none");
  json["config"]["layers"][1] = layer_json("Flatten", {{"trainable", 1}});
  CHECK(refusal(json) == flatten + "trainable: expected true or false, got 1");
  json["config"]["layers"][1] = layer_json("LSTM", {{"units", 3}});
  CHECK(refusal(json) == tested +
                             " of class LSTM: expected a layer that xtape has, got one that it lacks; replace it in "
                             "Keras, or give a factory in LoadKerasModelOptions::custom_layers");
  json["config"]["layers"][1] = layer_json("Dense", {{"units", 334}});
  CHECK(refusal(json) == tested +
                             " of class Dense: kernel: expected parameters whose values are in the file, got one more "
                             "of shape (3, 334)");
  json["config"]["layers"][1] = layer_json("Dense", {{"units", 250}});  // 750 + 250 elements
  CHECK_NOTHROW(read_graph(json));
  const std::string normalized = tested + " of class SpectralNormalization: ";
  json["config"]["layers"][1] = layer_json("SpectralNormalization", Json::object());
  CHECK(refusal(json) == normalized + "layer: expected a layer with a kernel, got null");
  json["config"]["layers"][1]["config"]["layer"] = layer_json("Dense", {{"units", 2}, {"kernel_constraint", "NonNeg"}});
  CHECK(refusal(json) ==
        normalized + "kernel_constraint: expected none inside of SpectralNormalization, got \"NonNeg\"");
  json["config"]["layers"][1] = layer_json("Dense", {{"units", 2}});
  json["config"]["layers"][0]["config"]["batch_shape"] = {nullptr, "x"};
  CHECK(refusal(json) == "layer \"in\" of class InputLayer: shape: expected an option's value, got [\"x\"]");
  json = sequential_json({nullptr, 3}, {});
  json["config"]["layers"][0] =
      layer_json("Merge", {{"mode", "sum"}, {"layers", {layer_json("Dense", {{"units", 2}})}}});
  CHECK(refusal(json, 1) ==
        "layer \"tested\" of class Dense: expected a model in the layers of Merge, got another layer");
  json["config"]["layers"][0]["config"]["mode"] = "difference";
  json["config"]["layers"][0]["config"]["layers"][0] = sequential_json({nullptr, 3}, {});
  CHECK(refusal(json, 1) ==
        "layer \"tested\" of class Merge: mode: expected sum, mul, ave, max, concat, dot or cos, got \"difference\"");
}

TEST_CASE("archives of Keras without a version or with other variables than numbers are errors") {
  const test::TemporaryFolder folder;
  const auto vector = Input({2});
  const Model model(vector, Dense({.units = 1})(vector));
  save_keras_model(model, folder / "good.keras");
  const ZipFile good("test", folder / "good.keras");
  const auto opened = [&](const std::string& metadata, const std::vector<std::string>& variables) {
    std::vector<NamedTensor> tensors;
    for (const std::string& name : variables) tensors.push_back({name, Tensor::ones({1})});
    save_hdf5(folder / "weights.h5", tensors, {});
    std::ofstream out(folder / "other.keras", std::ios::binary);
    write_zip("test", out,
              {{"metadata.json", metadata},
               {"config.json", good.read("config.json")},
               {"model.weights.h5", test::read_bytes(folder / "weights.h5")}});
    out.close();
    return KerasFile("load_keras_model", folder / "other.keras").optimizer_variables().size();
  };
  const std::string version = R"({"keras_version": "3.0.0"})";
  std::vector<std::string> many{"optimizer/other/0"};
  for (int i = 0; i < 12; ++i) many.push_back(fmt::format("optimizer/vars/{}", i));
  CHECK(opened(version, many) == 12);
  for (const char* metadata : {"{}", "[]", R"({"keras_version": 3})"}) {
    CHECK(error_of([&] { opened(metadata, many); }) == "load_keras_model: " + (folder / "other.keras").string() +
                                                           ": expected keras_version in metadata.json, got none");
  }
  for (const std::string wrong : {"1", "02", "x", "-1"}) {
    CHECK_THAT(error_of([&] { opened(version, {"optimizer/vars/" + wrong}); }),
               Catch::EndsWith("expected variables of the optimizer named 0, 1, 2, ..., got optimizer/vars/" + wrong));
  }
  std::ofstream(folder / "text.keras") << "some text";
  CHECK(error_of([&] { load_keras_model(folder / "text.keras"); }) ==
        "load_keras_model: expected a .keras archive or an HDF5 file of Keras, got a file of another format: " +
            (folder / "text.keras").string());
  const KerasCompiled compiled{Json::object(), {}};
  CHECK(error_of([&] { write_keras_file("save_keras_training", model, folder / "m.h5", &compiled); }) ==
        "save_keras_training: expected a name that ends in .keras, got " + (folder / "m.h5").string() +
            "; Keras 3 does not restore an optimizer from HDF5");
}

}  // namespace
}  // namespace xtape
