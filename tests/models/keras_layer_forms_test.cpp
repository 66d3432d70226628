// Layers in configs of Keras: orders of axes behind other layers, factories of custom layers, and flags of whole
// models.
#include <algorithm>
#include <cmath>
#include <set>

#include "framework/io/hdf5.hpp"
#include "framework/tensor/random.hpp"
#include "layers/layers.hpp"
#include "models/files/any_model.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_model.hpp"
#include "tests/models/keras_forms.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/plain_json.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

/// A layer that reads the first outputs of the named layers.
Json form_of(const std::string& type, const std::string& name, Json config, const std::vector<std::string>& inputs) {
  Json call = Json::array();
  for (const std::string& input : inputs) call.push_back(test::reference(input));
  return test::called(type, name, inputs.empty() ? std::vector<Json>{} : std::vector<Json>{call}, std::move(config));
}

/// A Functional whose first layer is the input and whose last one is the output.
Json functional_of(const std::vector<Json>& layers) {
  const auto name_of = [](const Json& layer) { return layer.at("name").get<std::string>(); };
  return test::functional("m", layers, name_of(layers.front()), test::reference(name_of(layers.back())));
}

Json input_form(const Json& shape) { return form_of("InputLayer", "in", {{"batch_shape", shape}}, {}); }

KerasGraph graph_of_form(const Json& json, int version = 3, const std::map<std::string, LayerFactory>& custom = {}) {
  return graph_from_keras(json, {.version = version, .custom = custom, .most_elements = 1000});
}

/// The message of the Error for a layer "tested" of images.
std::string refusal_of(const std::string& type, const Json& config, int version = 3) {
  return error_of([&] {
    graph_of_form(functional_of({input_form({nullptr, 2, 4, 5}), form_of(type, "tested", config, {"in"})}), version);
  });
}

/// A MaxPooling2D with windows of one element and the channels first; it changes nothing.
Json same_images(const std::string& name, const std::string& input) {
  return form_of("MaxPooling2D", name, {{"pool_size", {1, 1}}, {"strides", {1, 1}}, {"data_format", "channels_first"}},
                 {input});
}

std::int64_t permutations_in(const Model& model) {
  return std::ranges::count_if(model.nodes(), [](const auto& node) { return node.layer->type() == "Permute"; });
}

TEST_CASE("layers behind a pooling with the channels first compute along the axes of the file") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4, 5}, -1, 1, DType::float64);
  const auto along_last = [](const std::string& name, const std::vector<double>& row) {
    double sum = 0;
    for (const double value : row) sum += std::exp(value);
    std::vector<double> result;
    for (const double value : row) {
      result.push_back(name == "relu"      ? std::max(value, 0.0)
                       : name == "softmax" ? std::exp(value) / sum
                                           : value - std::log(sum));
    }
    return result;
  };
  for (const std::string name : {"relu", "softmax", "log_softmax"}) {
    INFO(name);
    const Model model =
        graph_of_form(functional_of({input_form({nullptr, 3, 4, 5}), same_images("pool", "in"),
                                     form_of("Activation", "tested", {{"activation", name}}, {"pool"})}))
            .model;
    Model exact = model;
    exact.convert(DType::float64);
    const std::vector<double> got = test::output_of(exact, x).to_vector(), given = x.to_vector();
    for (std::size_t begin = 0; begin < given.size(); begin += 5) {
      const auto first = given.begin() + static_cast<std::ptrdiff_t>(begin);
      const std::vector<double> expected = along_last(name, {first, first + 5});
      for (std::size_t i = 0; i < 5; ++i) CHECK(got.at(begin + i) == Approx(expected[i]).epsilon(1e-6));
    }
  }
}

TEST_CASE("a dropout behind a pooling with the channels first shares draws along the axes of the file") {
  const Json dropout = form_of("Dropout", "tested", {{"rate", 0.5}, {"noise_shape", {nullptr, 6, 1, 1}}}, {"pool"});
  const Model model =
      graph_of_form(functional_of({input_form({nullptr, 6, 4, 5}), same_images("pool", "in"), dropout})).model;
  ForwardPass pass(Mode::training, {.step = 1});
  const std::vector<double> y = model(Tensor::ones({8, 6, 4, 5}), pass).value().to_vector();
  std::set<double> seen;
  for (std::size_t i = 0; i < y.size(); ++i) {
    CHECK(y[i] == y[i - i % 20]);  // one draw for each channel of a sample
    seen.insert(y[i]);
  }
  CHECK(seen == std::set<double>{0, 2});
}

TEST_CASE("layers of elements between layers with the channels first need no permutations") {
  const auto chain = [](const Json& between) {
    return graph_of_form(functional_of({input_form({nullptr, 3, 4, 5}), same_images("first", "in"), between,
                                        same_images("second", "tested")}))
        .model;
  };
  for (const std::string type : {"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"}) {
    INFO(type);
    CHECK(permutations_in(chain(form_of(type, "tested", Json::object(), {"first", "first"}))) == 2);
  }
  for (const auto& [type, config] :
       std::vector<std::pair<std::string, Json>>{{"ELU", Json::object()},
                                                 {"LeakyReLU", Json::object()},
                                                 {"ReLU", Json::object()},
                                                 {"GaussianNoise", {{"stddev", 0.5}}},
                                                 {"GaussianDropout", {{"rate", 0.5}}},
                                                 {"Dropout", {{"rate", 0.5}}},
                                                 {"Activation", {{"activation", "tanh"}}}}) {
    INFO(type);
    CHECK(permutations_in(chain(form_of(type, "tested", config, {"first"}))) == 2);
  }
  CHECK(permutations_in(chain(form_of("Softmax", "tested", Json::object(), {"first"}))) == 4);
}

TEST_CASE("a layer with the channels first has an activation function of elements only") {
  for (const std::string name : {"softmax", "log_softmax", "sparsemax", "glu"}) {
    const Json object{{"class_name", "function"}, {"config", name}};
    for (const Json& activation : {Json(name), object}) {
      Json config{{"filters", 2}, {"kernel_size", 1}, {"data_format", "channels_first"}};
      config["activation"] = activation;
      const Json json = functional_of({input_form({nullptr, 2, 4, 5}), form_of("Conv2D", "tested", config, {"in"})});
      CHECK(error_of([&] { graph_of_form(json); }) ==
            "layer \"tested\" of class Conv2D: activation: expected a function of elements in a layer with data_format "
            "channels_first, got " +
                activation.dump() +
                ", which Keras computes along the last axis of an image; make it a separate layer in Keras");
    }
  }
}

TEST_CASE("in files of Keras 1 an axis of 1 and channels first are refused") {
  const auto refusal = [](const std::string& type, const Json& config) { return refusal_of(type, config, 1); };
  CHECK(refusal("BatchNormalization", {{"axis", 1}}) ==
        "layer \"tested\" of class BatchNormalization: axis: expected -1, the last axis, got 1; xtape normalizes the "
        "last axis only");
  CHECK(refusal("MaxPooling2D", {{"dim_ordering", "th"}}) ==
        "layer \"tested\" of class MaxPooling2D: data_format: expected "
        "[\"channels_last\",\"tf\",\"default\",null], got \"th\"; xtape has no such option, so change the layer in "
        "Keras");
}

TEST_CASE("load_keras_model makes layers by the factories of custom_layers") {
  const test::TemporaryFolder folder;
  const auto input = Input({2});
  save_keras_model(Model(input, Rescaling({.scale = 3, .name = "r"})(input)), folder / "m.keras");
  const LayerFactory factory = [](const LayerConfig& config) -> std::shared_ptr<Layer> {
    CHECK(std::ranges::find(config.fields, "scale", &ConfigField::name) != config.fields.end());
    return std::make_shared<RescalingLayer>(RescalingLayer::Options{.scale = -5});
  };
  const Model plain = load_keras_model(folder / "m.keras");
  const Model custom = load_keras_model(folder / "m.keras", {.custom_layers = {{"Rescaling", factory}}});
  const Tensor x = Tensor::of({1, 2}, {1, -2});
  CHECK(test::outputs_of(plain, {x})[0].to_vector() == std::vector<double>{3, -6});
  CHECK(test::outputs_of(custom, {x})[0].to_vector() == std::vector<double>{-5, 10});
  const LoadedModel any = load_any_model(folder / "m.keras", {.custom_layers = {{"Rescaling", factory}}});
  CHECK(test::outputs_of(any.model, {x})[0].to_vector() == std::vector<double>{-5, 10});
}

TEST_CASE("the factory of a custom layer gets the whole config, whatever Keras's layer of this name has") {
  for (const std::string type :
       {"Conv2D", "BatchNormalization", "Rescaling", "Normalization", "SpectralNormalization", "Own"}) {
    INFO(type);
    nlohmann::json got;
    const LayerFactory factory = [&](const LayerConfig& config) -> std::shared_ptr<Layer> {
      got = test::plain(config_to_json(config));
      return std::make_shared<FlattenLayer>(FlattenLayer::Options{});
    };
    const Json config{{"scale", {1, 2}},
                      {"mean", {1, 2, 3}},
                      {"axis", 1},
                      {"data_format", "channels_first"},
                      {"activation", "softmax"},
                      {"layer", {{"class_name", "Dense"}}}};
    Json given = config;
    given.update({{"name", "tested"}, {"trainable", true}, {"dtype", "float32"}});
    const Json json = functional_of({input_form({nullptr, 2, 4, 5}), form_of(type, "tested", given, {"in"})});
    const KerasGraph graph = graph_of_form(json, 3, {{type, factory}});
    CHECK(got == test::plain(config));
    CHECK(permutations_in(graph.model) == 0);
    CHECK(graph.nodes.layers.back().given.empty());
    CHECK_FALSE(graph.nodes.layers.back().normalized);
    CHECK(error_of([&] {
            graph_of_form(json, 3, {{type, nullptr}});
          }) == fmt::format("layer \"tested\" of class {0}: expected custom_layers to make a {0}, got nothing", type));
  }
}

TEST_CASE("a model of Keras that is not trainable has frozen layers, at each level") {
  const auto trained = [](const Json& outer, const Json& inner, const char* type) {
    Json part = functional_of({input_form({nullptr, 2}), form_of("Dense", "inside", {{"units", 2}}, {"in"})});
    part["class_name"] = type;
    part["name"] = part["config"]["name"] = "part";
    part["inbound_nodes"] = form_of("", "", Json::object(), {"in"})["inbound_nodes"];
    Json whole = functional_of({input_form({nullptr, 2}), part, form_of("Dense", "last", {{"units", 1}}, {"part"})});
    if (!outer.is_null()) whole["config"]["trainable"] = outer;
    if (!inner.is_null()) whole["config"]["layers"][1]["config"]["trainable"] = inner;
    return graph_of_form(whole).model.trainable_count();
  };
  for (const char* type : {"Functional", "Model", "Sequential"}) {
    INFO(type);
    CHECK(trained(nullptr, nullptr, type) == 6 + 3);
    CHECK(trained(true, true, type) == 6 + 3);
    CHECK(trained(nullptr, false, type) == 3);
    CHECK(trained(false, true, type) == 0);
  }
}

TEST_CASE("models with one shared_object_id are one model") {
  const auto parameters = [](const Json& first, const Json& second) {
    std::vector<Json> layers{input_form({nullptr, 2})};
    for (const auto& [name, id] : {std::pair<std::string, Json>("a", first), {"b", second}}) {
      Json part = functional_of({input_form({nullptr, 2}), form_of("Dense", "inside", {{"units", 2}}, {"in"})});
      part["name"] = part["config"]["name"] = name;
      part["shared_object_id"] = id;
      part["inbound_nodes"] = form_of("", "", Json::object(), {name == "a" ? "in" : "a"})["inbound_nodes"];
      layers.push_back(part);
    }
    return graph_of_form(functional_of(layers)).model.parameter_count();
  };
  CHECK(parameters(3, 3) == 6);
  CHECK(parameters(3, 4) == 12);
}

TEST_CASE("the version of an HDF5 file is that of the file, otherwise that of its weights, otherwise 1") {
  const test::TemporaryFolder folder;
  const std::string config = R"({"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name":
      "Activation", "config": {"name": "a", "activation": "hard_sigmoid", "batch_input_shape": [null, 2]}}]}})";
  const auto refusal = [&](const std::string& of_file, const std::string& of_weights) {
    std::vector<Hdf5Attribute> attributes{{"/", "model_config", {config}, false},
                                          {"model_weights", "layer_names", {"a"}},
                                          {"model_weights/a", "weight_names", {}}};
    if (!of_file.empty()) attributes.push_back({"/", "keras_version", {of_file}, false});
    if (!of_weights.empty()) attributes.push_back({"model_weights", "keras_version", {of_weights}, false});
    save_hdf5(folder / "m.h5", {}, attributes);
    try {
      load_keras_model(folder / "m.h5");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal("3.0.0", "2.1.6").empty());
  CHECK(refusal("", "3.0.0").empty());
  CHECK_THAT(refusal("2.13.1", "3.0.0"), Catch::Contains("got the hard_sigmoid of Keras 2,"));
  CHECK_THAT(refusal("", "2.1.6-tf"), Catch::Contains("got the hard_sigmoid of Keras 2,"));
  CHECK_THAT(refusal("", ""), Catch::Contains("got the hard_sigmoid of Keras 1,"));
}

TEST_CASE("a SpectralNormalization in another one is refused") {
  const Json dense{{"class_name", "Dense"}, {"config", {{"name", "dense"}, {"units", 3}}}};
  const Json inner{{"class_name", "SpectralNormalization"}, {"config", {{"name", "n"}, {"layer", dense}}}};
  const Json outer = form_of("SpectralNormalization", "tested", {{"layer", inner}}, {"in"});
  CHECK_THAT(
      error_of([&] {
        graph_of_form(functional_of({input_form({nullptr, 2}), outer}));
      }),
      Catch::StartsWith("layer \"tested\" of class SpectralNormalization: layer: expected a layer with a kernel, "
                        "got {\"class_name\":\"SpectralNormalization\""));
}

TEST_CASE("a SpectralNormalization without a layer, and padding of three numbers for an axis, are refused") {
  for (const Json& layer : {Json(5), Json(), Json("Dense"), Json::array({1})}) {
    CHECK(refusal_of("SpectralNormalization", {{"layer", layer}}) ==
          "layer \"tested\" of class SpectralNormalization: layer: expected a layer with a kernel, got " +
              layer.dump());
  }
  for (const Json& padding : {Json{{1, 2, 3}, {1, 1, 1}}, Json{{1, 2}, {1, 1, 1}}, Json{{1}, {1, 2}}}) {
    CHECK_THAT(refusal_of("ZeroPadding2D", {{"padding", padding}}),
               Catch::StartsWith("layer \"tested\" of class ZeroPadding2D: padding: expected "));
  }
}

TEST_CASE("factors and windows with another number of elements than their option are refused") {
  const Json one = Json::array({0.25}), three{0.25, 0.25, 0.5};
  for (const auto& [type, option] : std::vector<std::pair<std::string, std::string>>{{"RandomBrightness", "factor"},
                                                                                     {"RandomContrast", "factor"},
                                                                                     {"RandomRotation", "factor"},
                                                                                     {"RandomZoom", "height_factor"}}) {
    for (const Json& given : {one, three}) {
      INFO(type << ' ' << given);
      CHECK_THAT(refusal_of(type, {{option, given}}),
                 Catch::StartsWith("layer \"tested\" of class " + type + ": " + option + ": expected "));
    }
  }
  const auto refusal_of_sequence = [](const std::string& type, Json config, const char* option, const Json& given) {
    config[option] = given;
    return error_of([&] {
      graph_of_form(functional_of({input_form({nullptr, 4, 5}), form_of(type, "tested", config, {"in"})}));
    });
  };
  for (const Json& given : {Json{3, 2}, Json::array()}) {
    CHECK_THAT(refusal_of_sequence("Conv1DTranspose", {{"filters", 2}}, "kernel_size", given),
               Catch::StartsWith("layer \"tested\" of class Conv1DTranspose: kernel_size: expected "));
    CHECK_THAT(refusal_of_sequence("MaxPooling1D", Json::object(), "pool_size", given),
               Catch::StartsWith("layer \"tested\" of class MaxPooling1D: pool_size: expected "));
  }
}

TEST_CASE("a layer with parameters in a model and in a layer of it is not written for Keras") {
  const auto inside = Input({2}), input = Input({2});
  const Dense shared({.units = 2, .name = "shared"});
  const Model inner(inside, shared(inside), {.name = "inner"});
  const test::TemporaryFolder folder;
  const std::string path = (folder / "m.keras").string();
  CHECK(error_of([&] { save_keras_model(Model(input, shared(inner(input))), path); }) ==
        "save_keras_model: " + path +
            ": layer shared: expected a layer with parameters in one model alone, got one that is in a model and in "
            "another that is a layer of it; what they share would be lost");
  const Flatten plain({.name = "plain"});
  const Model without(inside, plain(inside), {.name = "inner"});
  CHECK_NOTHROW(save_keras_model(Model(input, plain(without(input))), path));
}

}  // namespace
}  // namespace xtape
