#include "models/files/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "framework/io/safetensors.hpp"
#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/any_model.hpp"
#include "models/files/clone.hpp"
#include "models/files/config_json.hpp"
#include "models/files/weights.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Json = nlohmann::ordered_json;
using test::error_of;

/// Shared layer, nested model called twice, two inputs and outputs, frozen layer, moved averages.
Model involved_model() {
  const SymbolicTensor inner_input = Input({4});
  const Model inner(inner_input, BatchNormalization()(Dense({.units = 4, .name = "d"})(inner_input)),
                    {.name = "inner"});
  const SymbolicTensor a = Input({4}), b = Input({4}, {.name = "second"});
  const Dense shared({.units = 4, .activation = tanh, .bias_initializer = constant(0.5), .name = "shared"});
  const SymbolicTensor x = Add()({inner(shared(a)), inner(shared(shared(b)))});
  Model model({a, b}, {Dense({.units = 2, .name = "logits"})(x), Multiply()({x, a})}, {.name = "involved", .seed = 3});
  model.layer("shared").set_trainable(false);
  ForwardPass pass(Mode::training);
  model.call({Tensor::of({2, 4}, {1, 2, 3, 4, 5, 6, 7, 9}), Tensor::ones({2, 4})}, pass);
  pass.commit();
  return model;
}

std::vector<Tensor> outputs_of(const Model& model) {
  RandomStream random(4);
  ForwardPass pass(Mode::inference);
  std::vector<Variable> inputs{random.normal({3, 4}).to(model.dtype()), random.normal({3, 4}).to(model.dtype())};
  std::vector<Tensor> values;
  for (const Variable& output : model.call(inputs, pass)) values.push_back(output.value());
  return values;
}

TEST_CASE("a model is restored completely: shared, nested and frozen layers, names, inputs and outputs") {
  const test::TemporaryFolder folder;
  Model model = involved_model();
  save_model(model, folder / "model.safetensors");
  const Model loaded = load_model(folder / "model.safetensors");
  CHECK(loaded.name() == "involved");
  REQUIRE(loaded.nodes().size() == model.nodes().size());
  for (std::size_t i = 0; i < model.nodes().size(); ++i) {
    CHECK(loaded.nodes()[i].layer->name() == model.nodes()[i].layer->name());
    CHECK(loaded.nodes()[i].layer->type() == model.nodes()[i].layer->type());
    CHECK(loaded.nodes()[i].inputs == model.nodes()[i].inputs);
  }
  REQUIRE(loaded.parameters().size() == model.parameters().size());
  for (std::size_t i = 0; i < model.parameters().size(); ++i) {
    CHECK(loaded.named_parameters()[i].first == model.named_parameters()[i].first);
    CHECK(loaded.parameters()[i].name() == model.parameters()[i].name());
    CHECK(loaded.parameters()[i].trainable() == model.parameters()[i].trainable());
    CHECK(identical(loaded.parameters()[i].value(), model.parameters()[i].value()));
  }
  CHECK_FALSE(loaded.layer("shared").trainable());
  CHECK(std::ranges::equal(outputs_of(loaded), outputs_of(model), identical));
}

TEST_CASE("the type of a model is restored, and equal models give equal files") {
  const test::TemporaryFolder folder;
  Model model = involved_model();
  model.convert(DType::float64);
  save_model(model, folder / "a.safetensors");
  const Model loaded = load_model(folder / "a.safetensors");
  CHECK(loaded.dtype() == DType::float64);
  CHECK(std::ranges::equal(outputs_of(loaded), outputs_of(model), identical));
  save_model(loaded, folder / "b.safetensors");
  CHECK(load_safetensors(folder / "a.safetensors").metadata == load_safetensors(folder / "b.safetensors").metadata);
}

TEST_CASE("a model file is also a weights file, also for ResNet-50") {
  const test::TemporaryFolder folder;
  Model model = resnet50({.seed = 1}), other = resnet50({.seed = 2});
  save_model(model, folder / "model.safetensors");
  load_weights(other, folder / "model.safetensors");
  CHECK(identical(other.parameters()[0].value(), model.parameters()[0].value()));
  const Model loaded = load_model(folder / "model.safetensors");
  CHECK(loaded.parameter_count() == 23'600'006);
  CHECK(loaded.trainable_count() == 23'546'886);
  ForwardPass pass(Mode::inference), again(Mode::inference);
  const Tensor image = RandomStream(1).uniform({1, 64, 64, 3});
  CHECK(identical(model(image, pass).value(), loaded(image, again).value()));
}

class Scale final : public Layer {
 public:
  struct Options {
    Required<double> factor;
    std::string name = "";
    static void fields(auto& options, auto field) { field("factor", options.factor); }
  };
  explicit Scale(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Scale"; }
  LayerConfig config() const override { return config_of(options_); }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override {
    return {inputs[0] * options_.factor.value};
  }

 private:
  Options options_;
};

/// A custom layer whose type() and options are chosen.
class Named final : public Layer {
 public:
  struct Options {
    std::string type;
    std::int64_t units = 1;
    std::string name = "";
    static void fields(auto& options, auto field) { field("units", options.units); }
  };
  explicit Named(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return options_.type; }
  LayerConfig config() const override { return config_of(options_); }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return inputs; }

 private:
  Options options_;
};

TEST_CASE("a custom layer is made by the factory of its type") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({2});
  save_model(Model(input, LayerHandle<Scale>({.factor = 3})(input)), folder / "model.safetensors");
  const Model loaded = load_model(folder / "model.safetensors", {.custom_layers = {{"Scale", make_layer<Scale>}}});
  ForwardPass pass(Mode::inference);
  CHECK(loaded(Tensor::of({1, 2}, {1, 2}), pass).value().to_vector() == std::vector<double>{3, 6});
  const std::map<std::string, LayerFactory> factories{{"Scale", make_layer<Scale>}};
  for (const Model& copy :
       {load_any_model(folder / "model.safetensors", {.custom_layers = factories}).model,
        clone(loaded, {.custom_layers = factories}), clone(loaded, {.seed = 3, .custom_layers = factories})}) {
    CHECK(copy(Tensor::of({1, 2}, {1, 2}), pass).value().to_vector() == std::vector<double>{3, 6});
  }
  CHECK_THAT(error_of([&] { clone(loaded); }), Catch::StartsWith("clone: "));
  CHECK_THAT(error_of([&] { load_any_model(folder / "model.safetensors"); }), Catch::EndsWith("got Scale"));
  const auto load = [&](LoadModelOptions options) {
    return error_of([&] { load_model(folder / "model.safetensors", options); });
  };
  CHECK_THAT(load({}),
             Catch::Contains(
                 "model.safetensors: layers[1] (Scale scale_1): class_name: expected a layer of "
                 "xtape's or one in the custom_layers of the options (LoadModelOptions, CloneOptions), got Scale"));
  CHECK_THAT(load({.custom_layers = {{"Dense", make_layer<Scale>}}}),
             Catch::Contains("load_model: ") &&
                 Catch::Contains(
                     "custom_layers: expected the names and factories of classes that are not xtape's, got Dense"));
  CHECK_THAT(load({.custom_layers = {{"Model", make_layer<Scale>}}}), Catch::EndsWith("not xtape's, got Model"));
  CHECK_THAT(load({.custom_layers = {{"Scale", nullptr}}}), Catch::EndsWith("not xtape's, got Scale"));
  CHECK_THAT(load({.custom_layers = {{"Scale", make_layer<FlattenLayer>}}}),
             Catch::Contains("load_model: ") &&
                 Catch::Contains("layers[1] (Scale scale_1): expected no options, got \"factor\""));
  CHECK_THAT(load({.custom_layers = {{"Scale", [](const LayerConfig&) { return make_layer<FlattenLayer>({}); }}}}),
             Catch::Contains("load_model: ") &&
                 Catch::Contains("layers[1] (Scale scale_1): expected custom_layers to make a Scale, got Flatten"));
}

TEST_CASE("models that a file cannot hold are rejected when they are saved") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({2});
  Model model(input, Activation([](const Variable& x) { return -x; }, {.name = "minus"})(input));
  CHECK_THAT(
      error_of([&] { save_model(model, folder / "m"); }),
      Catch::Contains("save_model: " + (folder / "m").string() + ": layer minus: function: ") ||
          Catch::Contains("save_model: ") && Catch::Contains("layer minus: expected an activation function of xtape's, "
                                                             "got custom; make it a layer, which a file can name"));
  const Model infinite(input, Dense({.units = 1, .bias_initializer = constant(1.0 / 0.0), .name = "d"})(input));
  CHECK_THAT(error_of([&] { save_model(infinite, folder / "m"); }),
             Catch::Contains("save_model: ") &&
                 Catch::Contains("layer d: bias_initializer: value: expected a finite number, got inf"));
  CHECK_FALSE(std::filesystem::exists(folder / "m"));
  for (const std::string name : {"m.h5", "m.HDF5", "m.weights.h5", "m.keras", "m.pt"}) {
    CHECK_THAT(error_of([&] { save_model(Model(input, Flatten()(input)), folder / name); }),
               Catch::Contains("expected a name that ends in .safetensors, got " + (folder / name).string()));
  }
}

TEST_CASE("a model that load_model could not make again is not saved") {
  const test::TemporaryFolder folder;
  const auto error = [&](const Model& model) {
    const std::string text = error_of([&] { save_model(model, folder / "m"); });
    CHECK_FALSE(std::filesystem::exists(folder / "m"));
    const std::string place = "save_model: " + (folder / "m").string() + ": ";
    CHECK(text.substr(0, place.size()) == place);
    return text.substr(std::min(place.size(), text.size()));
  };
  const SymbolicTensor x = Input({2}), open = Input({any, 4});
  const OperatorLayer::Options to_the_end{.function = std::string("Slice"),
                                          .axes = {1},
                                          .numbers = {1, std::numeric_limits<std::int64_t>::max(), 1},
                                          .name = "slice"};
  CHECK(error({open, Operator(to_the_end)(open)}) ==
        "layer slice: numbers: expected an integer from -2147483647 to 2147483647, got 9223372036854775807");
  const auto named = [&](const std::string& type, std::int64_t units = 1) {
    return error({x, LayerHandle<Named>({.type = type, .units = units, .name = "own"})(x)});
  };
  const std::int64_t most = 2147483647;
  CHECK(named("Own", most + 1) ==
        "layer own: units: expected an integer from -2147483647 to 2147483647, got 2147483648");
  CHECK(named("Own", -most - 1) ==
        "layer own: units: expected an integer from -2147483647 to 2147483647, got -2147483648");
  for (const std::string type : {"Dense", "Model"}) {
    CHECK(named(type) == "layer own: expected a type() that no layer of xtape has, got " + type);
  }
  CHECK(named("") == "layer own: expected a type(), got an empty one");
  CHECK(named("Flatten") ==
        "layer own: expected options of xtape's Flatten, because type() names it, got: expected no options, got "
        "\"units\"");
  Model deep(x, Flatten()(x));
  for (int depth = 0; depth < 60; ++depth) {
    const SymbolicTensor inner = Input({2});
    deep = Model(inner, deep(inner));
  }
  CHECK(error(deep) == "expected JSON of at most 100 levels, got deeper nesting");
  for (const std::int64_t units : {most, -most}) {
    const Model model(x, LayerHandle<Named>({.type = "Own", .units = units})(x));
    save_model(model, folder / "limit");
    CHECK_NOTHROW(
        load_model(folder / "limit",
                   {.custom_layers = {{"Own", [](const LayerConfig& config) {
                                         return std::make_shared<Named>(Named::Options{
                                             .type = "Own", .units = std::get<std::int64_t>(config.fields[0].value)});
                                       }}}}));
  }
}

/// A file of input_1 -> d (Dense, 2 -> 3) whose graph was changed by `change`, and the message of loading it.
std::string changed(const std::function<void(Json&)>& change) {
  const test::TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const SymbolicTensor input = Input({2}, {.name = "in"});
  save_model(Model(input, Dense({.units = 3, .name = "d"})(input)), path);
  SafetensorsFile file = load_safetensors(path);
  Json graph = Json::parse(file.metadata["graph"]);
  change(graph);
  file.metadata["graph"] = graph.dump();
  save_safetensors(path, file.tensors, file.metadata);
  const std::string message = error_of([&] { load_model(path); });
  const std::string start = "load_model: " + path.string() + ": ";
  CHECK(message.substr(0, start.size()) == start);
  return message.substr(std::min(start.size(), message.size()));
}

TEST_CASE("an untrusted graph is checked field by field") {
  const std::vector<std::pair<std::function<void(Json&)>, std::string>> cases{
      {[](Json& g) { g = Json::array(); }, "expected an object, got []"},
      {[](Json& g) { g["class_name"] = "Dense"; }, "class_name: expected \"Model\", got \"Dense\""},
      {[](Json& g) { g["name"] = 3; }, "name: expected a text, got 3"},
      {[](Json& g) { g["extra"] = 3; }, "expected the fields class_name, name, config, got \"extra\""},
      {[](Json& g) { g["config"].erase("nodes"); }, "nodes: expected a value, got none"},
      {[](Json& g) { g["config"]["nodes"] = 7; }, "nodes: expected a list, got 7"},
      {[](Json& g) { g["config"]["layers"][1] = "d"; }, "layers[1] (? ?): expected an object, got \"d\""},
      {[](Json& g) { g["config"]["layers"][1]["name"] = "in"; },
       "layers[1] (Dense in): name: expected layers with different names, got in twice"},
      {[](Json& g) { g["config"]["layers"][1]["name"] = ""; }, "layers[1] (Dense ): name: expected a text, got \"\""},
      {[](Json& g) { g["config"]["layers"][1]["name"] = "a\x1b[2J"; },
       "layers[1] (Dense a?[2J): name: expected text without control characters, got byte 0x1b after 1 others"},
      {[](Json& g) { g["config"]["layers"][1]["name"] = "a\x7f"; },
       "layers[1] (Dense a?): name: expected text without control characters, got byte 0x7f after 1 others"},
      {[](Json& g) { g["name"] = "\x7f"; }, "name: expected text without control characters, got byte 0x7f"},
      {[](Json& g) { g["config"]["layers"][1]["trainable"] = 1; },
       "layers[1] (Dense d): trainable: expected true or false, got 1"},
      {[](Json& g) { g["config"]["layers"][1]["config"] = 1; },
       "layers[1] (Dense d): expected an object of options, got 1"},
      {[](Json& g) { g["config"]["layers"][1]["config"]["units"] = Json::array({"a"}); },
       "layers[1] (Dense d): units: expected an option's value, got [\"a\"]"},
      {[](Json& g) { g["config"]["layers"][1]["config"]["units"] = 1e300; },
       "layers[1] (Dense d): units: expected an integer of at most 2147483647, got 1e+300"},
      {[](Json& g) { g["config"]["layers"][0]["config"]["shape"] = {-2}; }, "layers[0] (InputLayer in): shape: "},
      {[](Json& g) {
         g["config"]["layers"].push_back(g["config"]["layers"][1]), g["config"]["layers"][2]["name"] = "e";
       },
       "nodes: expected a call of every layer, got none of e"},
      {[](Json& g) { g["config"]["nodes"][1]["inputs"] = {1}; },
       "nodes[1]: inputs: expected numbers of nodes below 1, got 1"},
      {[](Json& g) { g["config"]["nodes"][1]["inputs"] = {-1}; },
       "nodes[1]: inputs: expected numbers of nodes below 1, got -1"},
      {[](Json& g) {
         g["config"]["nodes"][1]["inputs"] = {0, 0};
       },
       "nodes[1]: Dense d: expected one input, got "},
      {[](Json& g) { g["config"]["nodes"][1]["layer"] = "x"; },
       "nodes[1]: layer: expected the name of a layer of the graph, got x"},
      {[](Json& g) { g["config"]["outputs"] = {2}; }, "outputs: expected numbers of nodes below 2, got 2"},
      {[](Json& g) { g["config"]["outputs"] = Json::parse("[[2, 0]]"); },
       "outputs: expected numbers of nodes below 2, got [2,0]"},
      {[](Json& g) { g["config"]["outputs"] = Json::parse("[[1, 1]]"); },
       "outputs: expected [node, output] with an output below 1, got [1,1]"},
      {[](Json& g) { g["config"]["outputs"] = Json::parse("[[1, -1]]"); },
       "outputs: expected [node, output] with an output below 1, got [1,-1]"},
      {[](Json& g) { g["config"]["outputs"] = Json::parse("[[1, 0, 0]]"); },
       "outputs: expected numbers of nodes below 2, got [1,0,0]"},
      {[](Json& g) { g["config"]["outputs"] = Json::array(); }, "Model: expected at least one input and one output"},
      {[](Json& g) { g["config"]["inputs"] = {1}; }, "Model: expected inputs made by Input, got the output of Dense d"},
      {[](Json& g) { g["config"]["layers"][1]["config"]["units"] = 2000000000; },
       "nodes[1]: expected the tensor d/kernel to be float32 (2, 2000000000), got float32 (2, 3)"},
      {[](Json& g) { g["config"]["layers"][1]["config"]["use_bias"] = false; },
       "expected only tensors that the layers need, got 1 more, the first d/bias"},
      {[](Json& g) { g["config"]["layers"][1]["name"] = "e", g["config"]["nodes"][1]["layer"] = "e"; },
       "nodes[1]: expected a tensor e/kernel of shape (2, 3) in the file, got none"},
  };
  for (const auto& [change, expected] : cases) CHECK_THAT(changed(change), Catch::StartsWith(expected));
}

TEST_CASE("all tensors of a model file have one floating type") {
  const test::TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const SymbolicTensor input = Input({2});
  save_model(Model(input, Dense({.units = 3, .name = "d"})(input)), path);
  const auto error = [&](const std::vector<DType>& types) {
    SafetensorsFile file = load_safetensors(path);
    for (std::size_t i = 0; i < types.size(); ++i) file.tensors[i].tensor = file.tensors[i].tensor.to(types[i]);
    std::ranges::sort(file.tensors, {}, &NamedTensor::name);
    save_safetensors(folder / "other.safetensors", file.tensors, file.metadata);
    const std::string text = error_of([&] { load_model(folder / "other.safetensors"); });
    return text.substr(std::min(text.size(), text.find("expected ")));
  };
  REQUIRE(load_safetensors(path).tensors[0].name == "d/kernel");
  const std::string kernel = "expected the tensor d/kernel to be ", bias = "expected the tensor d/bias to be ";
  CHECK(error({DType::float32, DType::float64}) == bias + "float32 (3,), got float64 (3,)");
  CHECK(error({DType::float64, DType::float32}) == bias + "float64 (3,), got float32 (3,)");
  CHECK(error({DType::int64, DType::float32}) == kernel + "float32 (2, 3), got int64 (2, 3)");
  CHECK(error({DType::float32, DType::int64}) == bias + "float32 (3,), got int64 (3,)");
}

/// A layer whose options have parts with an integer.
class Nested final : public Layer {
 public:
  explicit Nested(std::int64_t number) : Layer("nested"), number_(number) {}
  std::string type() const override { return "Nested"; }
  LayerConfig config() const override {
    return {{{"outer", LayerConfig{{{"inner", LayerConfig{{{"number", number_}}}}}}}}};
  }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass&) const override { return inputs; }

 private:
  std::int64_t number_;
};

TEST_CASE("integers of options in JSON are at most 2^62") {
  for (const char* form : {R"({{"a": {}}})", R"({{"a": [1, {}]}})"}) {
    const auto read = [&](const char* number) {
      config_from_json(Json::parse(fmt::format(fmt::runtime(form), number)));
    };
    CHECK_NOTHROW(read("4611686018427387904"));
    CHECK_NOTHROW(read("-4611686018427387905"));
    CHECK_THAT(error_of([&] { read("4611686018427387905"); }),
               Catch::StartsWith("a: expected an option's value, got "));
  }
}

TEST_CASE("an integer beyond the limits is found in parts of options too") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({2});
  const auto save = [&](std::int64_t number) {
    const auto layer = std::make_shared<Nested>(number);
    save_model(Model(input, layer->connect({input})[0]), folder / "m");
  };
  const std::int64_t most = 2147483647;
  CHECK_NOTHROW(save(most));
  CHECK_NOTHROW(save(-most));
  for (const std::int64_t number : {most + 1, -most - 1}) {
    CHECK(error_of([&] { save(number); }) ==
          fmt::format("save_model: {}: layer nested: number: expected an integer from -2147483647 to 2147483647, got "
                      "{}",
                      (folder / "m").string(), number));
  }
}

TEST_CASE("the outputs of a layer that has several are named by their numbers in the graph of a file") {
  const test::TemporaryFolder folder;
  const SymbolicTensor inside = Input({2}), input = Input({2});
  const Model inner(std::vector{inside}, {Activation(relu)(inside), Activation(tanh)(inside)}, {.name = "inner"});
  const std::vector<SymbolicTensor> both = inner.call(std::vector{input});
  save_model(Model(input, both[1]), folder / "model.safetensors");
  SafetensorsFile file = load_safetensors(folder / "model.safetensors");
  const Json graph = Json::parse(file.metadata["graph"]);
  CHECK(graph["config"]["outputs"] == Json::parse("[[1, 1]]"));
  const auto with_outputs = [&](const char* outputs) {
    Json changed_graph = graph;
    changed_graph["config"]["outputs"] = Json::parse(outputs);
    file.metadata["graph"] = changed_graph.dump();
    save_safetensors(folder / "model.safetensors", file.tensors, file.metadata);
    const Model model = load_model(folder / "model.safetensors");
    ForwardPass pass(Mode::inference);
    return model(Tensor::of({1, 2}, {-1, 2}), pass).value().to_vector();
  };
  CHECK(with_outputs("[[1, 0]]") == std::vector<double>{0, 2});
  CHECK(with_outputs("[[1, 1]]")[1] == Approx(std::tanh(2)));
  CHECK_THAT(error_of([&] { with_outputs("[1]"); }),
             Catch::EndsWith("outputs: expected [node, output] for a node of several outputs, got 1"));
  CHECK_THAT(error_of([&] { with_outputs("[[1, 2]]"); }),
             Catch::EndsWith("outputs: expected [node, output] with an output below 2, got [1,2]"));
}

TEST_CASE("other files, hostile JSON and other versions are rejected") {
  const test::TemporaryFolder folder;
  const auto path = folder / "model.safetensors";
  const auto load = [&](std::map<std::string, std::string> metadata) {
    save_safetensors(path, {}, metadata);
    return error_of([&] { load_model(path); });
  };
  CHECK_THAT(
      load({{"format", "xtape"}}),
      Catch::Contains("load_model: expected a file of save_model(), got one without a \"graph\" in its metadata: ") &&
          Catch::Contains("weights alone are read by load_weights()"));
  CHECK_THAT(load({{"format", "xtape"}, {"graph", "{}"}, {"format_version", "2"}, {"xtape_version", "9.1"}}),
             Catch::Contains("expected format_version 1, got \"2\" in " + path.string() + "; made by xtape 9.1"));
  const auto graph = [&](const std::string& text) {
    return load({{"format", "xtape"}, {"graph", text}, {"format_version", "1"}});
  };
  CHECK_THAT(load({{"format", "pt"}, {"graph", "{}"}, {"format_version", "1"}}),
             Catch::Contains("expected format \"xtape\" in the metadata, got \"pt\" in " + path.string()));
  CHECK_THAT(graph("{"), Catch::Contains(path.string() + ": expected JSON, got: "));
  CHECK_THAT(
      graph(R"({"a": 1, "a": 2})"),
      Catch::Contains("load_model: ") && Catch::Contains("expected different names in an object, got \"a\" twice"));
  // also in and behind objects and lists that have ended
  for (const char* text : {R"({"b": {"a": 1}, "a": 1, "a": 2})", R"({"b": [1], "a": 1, "a": 2})",
                           R"({"b": [{}, {"a": 1, "a": 2}]})", R"([{"a": 1}, {"a": 1, "a": 2}])"}) {
    CHECK_THAT(graph(text), Catch::Contains("expected different names in an object, got \"a\" twice"));
  }
  CHECK_THAT(
      graph(std::string(1'000'000, '[')),
      Catch::Contains("load_model: ") && Catch::Contains("expected JSON of at most 100 levels, got deeper nesting"));
  std::string layers = "0", names = R"("a":0)";
  for (int i = 0; i < 200'000; ++i) layers += ",{}", names += fmt::format(R"(,"a{}":0)", i);
  CHECK_THAT(graph("{" + names + "}"),
             Catch::Contains("load_model: ") && Catch::Contains("expected at most 1000 names in an object, got more"));
  const auto object_of = [](int names, int levels) {
    std::string text = "0";
    for (int i = 0; i < levels - 1; ++i) text = "[" + text + "]";
    std::string object = "{\"0\":" + text;
    for (int i = 1; i < names; ++i) object += fmt::format(",\"{}\":0", i);
    return object + "}";
  };
  CHECK(parse_json(object_of(1000, 100)).size() == 1000);
  CHECK(error_of([&] { static_cast<void>(parse_json(object_of(1001, 1))); }) ==
        "expected at most 1000 names in an object, got more");
  CHECK(error_of([&] { static_cast<void>(parse_json(object_of(1, 101))); }) ==
        "expected JSON of at most 100 levels, got deeper nesting");
  // with quadratic time this takes many minutes and exceeds the time limit of the test program
  CHECK_THAT(graph(R"({"class_name":"Model","name":"","config":{"layers":[)" + layers + "]}}"),
             Catch::Contains("load_model: ") && Catch::Contains("nodes: expected a value, got none"));
  CHECK_THAT(error_of([&] { load_model(folder / "none"); }), Catch::Contains((folder / "none").string()));
}

TEST_CASE("layers shared with an inner model are not lost silently") {
  const test::TemporaryFolder folder;
  const SymbolicTensor input = Input({4});
  const Dense shared({.units = 4, .name = "shared"});
  const Activation plain(relu);
  const Model inner(input, plain(shared(input)), {.name = "inner"});
  const Model both(input, inner(shared(input)));
  CHECK(error_of([&] { save_model(both, folder / "model.safetensors"); }) ==
        "save_model: " + (folder / "model.safetensors").string() +
            ": layer shared: expected a layer with parameters in one model alone, got one that is in a model and in "
            "another that is a layer of it; what they share would be lost");
  CHECK_FALSE(std::filesystem::exists(folder / "model.safetensors"));
  const Model without(input, inner(plain(input)));  // nothing is lost
  save_model(without, folder / "model.safetensors");
  CHECK(load_model(folder / "model.safetensors").parameters().size() == 2);
}

}  // namespace
}  // namespace xtape
