// Configs of whole models in Keras's JSON: early versions of Keras, and what is rejected.
#include "models/files/keras/keras_model.hpp"

#include <fstream>

#include "framework/io/hdf5.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "tests/io/files.hpp"
#include "tests/io/python.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using Catch::Contains;
using test::error_of;

namespace {

const std::filesystem::path configs = test::source_root() / "tests/fuzz/corpus/keras_config";

Json stored_config(const std::string& name) { return parse_json(test::read_bytes(configs / name)); }

KerasGraph read(const Json& json, int version = 3) {
  return graph_from_keras(json, {.version = version, .custom = {}, .most_elements = 100'000});
}

/// A functional model of an input and one layer with this class and config.
Json one_layer(const std::string& type, const Json& config, const Json& input = {nullptr, 6, 6, 2}) {
  Json layer{{"class_name", type}, {"name", "tested"}, {"config", config}};
  layer["config"]["name"] = "tested";
  layer["inbound_nodes"] = Json::parse(R"([[["in", 0, 0, {}]]])");
  Json json = Json::parse(R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "dtype": "float32"}, "inbound_nodes": []}],
      "input_layers": [["in", 0, 0]], "output_layers": [["tested", 0, 0]]}})");
  json["config"]["layers"][0]["config"]["batch_input_shape"] = input;
  json["config"]["layers"].push_back(layer);
  return json;
}

/// Writes a file of model.save() of early Keras, whose weights are numbered 1, 2, ...
void write_hdf5_model(const std::filesystem::path& path, const std::string& config, const std::string& version,
                      const std::vector<std::pair<std::string, std::vector<std::pair<std::string, Shape>>>>& layers) {
  std::vector<NamedTensor> tensors;
  std::vector<Hdf5Attribute> attributes{{"/", "model_config", {config}, false},
                                        {"optimizer_weights", "weight_names", {"training/Adadelta/Variable:0"}}};
  tensors.push_back({"optimizer_weights/training/Adadelta/Variable:0", Tensor::ones({3})});
  if (!version.empty()) attributes.push_back({"/", "keras_version", {version}, false});
  std::vector<std::string> names;
  for (const auto& [layer, weights] : layers) {
    names.push_back(layer);
    std::vector<std::string> of_layer;
    for (const auto& [weight, shape] : weights) {
      of_layer.push_back(weight);
      tensors.push_back({"model_weights/" + layer + "/" + weight,
                         Tensor::full(shape, static_cast<double>(tensors.size()), DType::float32)});
    }
    attributes.push_back({"model_weights/" + layer, "weight_names", of_layer});
  }
  attributes.push_back({"model_weights", "layer_names", names});
  save_hdf5(path, tensors, attributes);
}

}  // namespace

TEST_CASE("a Sequential of Keras 1 is read with its weights") {
  const test::TemporaryFolder folder;
  write_hdf5_model(
      folder / "m.h5", stored_config("keras1").dump(), "1.2.2",
      {{"conv1", {{"conv1_W:0", {2, 3, 2, 3}}, {"conv1_b:0", {3}}}},
       {"bn", {{"bn_gamma:0", {3}}, {"bn_beta:0", {3}}, {"bn_running_mean:0", {3}}, {"bn_running_std:0", {3}}}},
       {"pool", {}},
       {"drop", {}},
       {"flat", {}},
       {"fc", {{"fc_W:0", {18, 2}}, {"fc_b:0", {2}}}}});
  const Model model = load_keras_model(folder / "m.h5");
  const auto& conv = dynamic_cast<const Conv2DLayer&>(model.layer("conv1"));
  CHECK(conv.options().padding.is_same());
  CHECK(conv.options().strides.height == 2);
  CHECK(conv.options().activation == relu);
  CHECK(conv.options().kernel_regularizer.l2 == 0.001);
  CHECK(conv.options().kernel_constraint.name == "max_norm");
  CHECK(dynamic_cast<const BatchNormalizationLayer&>(model.layer("bn")).options().momentum == 0.9);
  CHECK(model.output_activation() == "softmax");
  double number = 1;
  for (const char* path : {"conv1/kernel", "conv1/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance",
                           "fc/kernel", "fc/bias"}) {
    INFO(path);
    CHECK(model.parameter(path).value().to_vector().front() == number++);
  }
}

TEST_CASE("a convolution of sequences of Keras 1 is read, whose kernel has one more axis") {
  const test::TemporaryFolder folder;
  const std::string config = R"({"class_name": "Sequential", "config": [{"class_name": "Convolution1D", "config":
      {"name": "c", "batch_input_shape": [null, 3, 2], "nb_filter": 1, "filter_length": 2, "subsample_length": 1,
       "init": "uniform", "border_mode": "valid", "bias": true, "input_dim": 2, "input_length": 3}}]})";
  save_hdf5(folder / "m.h5",
            {{"model_weights/c/c_W:0", Tensor::of({2, 1, 2, 1}, {1, 2, 3, 4})},
             {"model_weights/c/c_b:0", Tensor::of({1}, {0.5})}},
            {{"/", "model_config", {config}, false},
             {"/", "keras_version", {"1.2.2"}, false},
             {"model_weights", "layer_names", {"c"}},
             {"model_weights/c", "weight_names", {"c_W:0", "c_b:0"}}});
  const Tensor x = Tensor::of({1, 3, 2}, {1, 0, 0, 1, 10, 100});
  const Tensor y = test::output_of(load_keras_model(folder / "m.h5"), x);
  CHECK(y.to_vector() == std::vector<double>{1 + 4 + 0.5, 2 + 30 + 400 + 0.5});
}

TEST_CASE("Sequentials in a Sequential are read as tf.keras 2.4 writes them, with and without a version") {
  const auto input = [](const std::string& name) {
    return Json{{"class_name", "InputLayer"},
                {"config",
                 {{"batch_input_shape", {nullptr, 2}},
                  {"dtype", "float32"},
                  {"sparse", false},
                  {"ragged", false},
                  {"name", name}}}};
  };
  const auto dense = [](const std::string& name, bool trainable) {
    return Json{{"class_name", "Dense"},
                {"config",
                 {{"name", name},
                  {"trainable", trainable},
                  {"batch_input_shape", {nullptr, 2}},
                  {"dtype", "float32"},
                  {"units", 2},
                  {"activation", "linear"},
                  {"use_bias", true},
                  {"kernel_initializer", {{"class_name", "GlorotUniform"}, {"config", {{"seed", nullptr}}}}},
                  {"bias_initializer", {{"class_name", "Zeros"}, {"config", Json::object()}}},
                  {"kernel_regularizer", nullptr},
                  {"bias_regularizer", nullptr},
                  {"activity_regularizer", nullptr},
                  {"kernel_constraint", nullptr},
                  {"bias_constraint", nullptr}}}};
  };
  const Json norm{{"class_name", "BatchNormalization"},
                  {"config",
                   {{"name", "norm"},
                    {"trainable", true},
                    {"dtype", "float32"},
                    {"axis", {1}},
                    {"momentum", 0.99},
                    {"epsilon", 0.001},
                    {"center", true},
                    {"scale", true},
                    {"beta_initializer", {{"class_name", "Zeros"}, {"config", Json::object()}}},
                    {"gamma_initializer", {{"class_name", "Ones"}, {"config", Json::object()}}},
                    {"moving_mean_initializer", {{"class_name", "Zeros"}, {"config", Json::object()}}},
                    {"moving_variance_initializer", {{"class_name", "Ones"}, {"config", Json::object()}}},
                    {"beta_regularizer", nullptr},
                    {"gamma_regularizer", nullptr},
                    {"beta_constraint", nullptr},
                    {"gamma_constraint", nullptr}}}};
  const auto sequential = [](const std::string& name, std::vector<Json> layers) {
    return Json{{"class_name", "Sequential"}, {"config", {{"name", name}, {"layers", std::move(layers)}}}};
  };
  const Json inside = sequential("inside", {input("d_input"), dense("d", true)});
  const Json first = sequential("first", {input("dense_input"), dense("dense", false), norm});
  const Json second = sequential("second", {input("inside_input"), inside, dense("dense_1", true)});
  const Json outer = sequential("outer", {input("first_input"), first, second, dense("head", true)});
  const test::TemporaryFolder folder;
  for (const char* version : {"2.4.0", ""}) {
    INFO(version);
    // trained weights first: the frozen layer is behind the normalization
    write_hdf5_model(
        folder / "m.h5", outer.dump(), version,
        {{"first",
          {{"norm/gamma:0", {2}},
           {"norm/beta:0", {2}},
           {"dense/kernel:0", {2, 2}},
           {"dense/bias:0", {2}},
           {"norm/moving_mean:0", {2}},
           {"norm/moving_variance:0", {2}}}},
         {"second", {{"d/kernel:0", {2, 2}}, {"d/bias:0", {2}}, {"dense_1/kernel:0", {2, 2}}, {"dense_1/bias:0", {2}}}},
         {"head", {{"head/kernel:0", {2, 2}}, {"head/bias:0", {2}}}}});
    const Model model = load_keras_model(folder / "m.h5");
    const std::vector<std::string> paths{"first/norm/gamma",
                                         "first/norm/beta",
                                         "first/dense/kernel",
                                         "first/dense/bias",
                                         "first/norm/moving_mean",
                                         "first/norm/moving_variance",
                                         "second/inside/d/kernel",
                                         "second/inside/d/bias",
                                         "second/dense_1/kernel",
                                         "second/dense_1/bias",
                                         "head/kernel",
                                         "head/bias"};
    REQUIRE(model.named_parameters().size() == paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      INFO(paths[i]);
      CHECK(model.parameter(paths[i]).value().to_vector()[0] == static_cast<double>(i + 1));
    }
    CHECK_FALSE(model.parameter("first/dense/kernel").trainable());
  }
}

TEST_CASE("Sequentials in a Sequential without names, as Keras 2.1 writes them, have the names of their groups") {
  const auto dense = [](const std::string& name) {
    return Json{{"class_name", "Dense"},
                {"config", {{"name", name}, {"units", 2}, {"batch_input_shape", {nullptr, 2}}}}};
  };
  const auto sequential = [](std::vector<Json> layers) {
    return Json{{"class_name", "Sequential"}, {"config", std::move(layers)}};
  };
  const Json deep = sequential({dense("dense_3")});
  const Json input{{"class_name", "InputLayer"}, {"config", {{"name", "x"}, {"batch_input_shape", {nullptr, 2}}}}};
  const std::vector<Json> layers{sequential({dense("dense_1")}), sequential({dense("dense_2"), deep}), dense("head")};
  const test::TemporaryFolder folder;
  for (const bool with_input : {false, true}) {
    INFO(with_input);
    std::vector<Json> listed = layers;
    if (with_input) listed.insert(listed.begin(), input);
    // the numbers in the names are those of the construction in Python, in which an inner one may come last
    write_hdf5_model(folder / "m.h5", sequential(listed).dump(), "2.1.6",
                     {{"sequential_2", {{"dense_1/kernel:0", {2, 2}}, {"dense_1/bias:0", {2}}}},
                      {"sequential_1",
                       {{"dense_2/kernel:0", {2, 2}},
                        {"dense_2/bias:0", {2}},
                        {"dense_3/kernel:0", {2, 2}},
                        {"dense_3/bias:0", {2}}}},
                      {"head", {{"head/kernel:0", {2, 2}}, {"head/bias:0", {2}}}}});
    const Model model = load_keras_model(folder / "m.h5");
    double number = 1;
    for (const Parameter& parameter : model.parameters()) {
      INFO(parameter.name());
      CHECK(parameter.value().to_vector()[0] == number++);
    }
    CHECK(number == 9);
    CHECK(model.parameters()[0].name() == "sequential_2/dense_1/kernel");
  }
}

TEST_CASE("Keras 1's Merge joins models, whose layers the file lists alone") {
  const Json json = Json::parse(R"({"class_name": "Sequential", "config": [
      {"class_name": "Merge", "config": {"name": "merge", "mode": "concat", "concat_axis": -1, "layers": [
        {"class_name": "Sequential", "config": [
          {"class_name": "Dense", "config": {"name": "a", "batch_input_shape": [null, 2], "output_dim": 2}}]},
        {"class_name": "Sequential", "config": [
          {"class_name": "Dense", "config": {"name": "b", "batch_input_shape": [null, 3], "output_dim": 1}}]}]}},
      {"class_name": "Dense", "config": {"name": "c", "output_dim": 1}}]})");
  const test::TemporaryFolder folder;
  write_hdf5_model(folder / "m.h5", json.dump(), "1.2.0",
                   {{"a", {{"a_W:0", {2, 2}}, {"a_b:0", {2}}}},
                    {"b", {{"b_W:0", {3, 1}}, {"b_b:0", {1}}}},
                    {"merge", {}},
                    {"c", {{"c_W:0", {3, 1}}, {"c_b:0", {1}}}}});
  const Model model = load_keras_model(folder / "m.h5");
  ForwardPass pass(Mode::inference);
  const Variable y = model.call({Tensor::ones({1, 2}), Tensor::ones({1, 3})}, pass)[0];
  // a: 2 * 1 + 2 = 4 for both units; b: 3 * 3 + 4 = 13; c: 5 * (4 + 4 + 13) + 6
  CHECK(y.value().item() == 111);
}

TEST_CASE("every mode of Keras 1's Merge is the layer of Keras 2") {
  Json json = Json::parse(R"({"class_name": "Sequential", "config": [
      {"class_name": "Merge", "config": {"name": "merge", "mode": "", "concat_axis": -1, "dot_axes": 1, "layers": [
        {"class_name": "Sequential", "config": [
          {"class_name": "Dense", "config": {"name": "a", "batch_input_shape": [null, 2], "output_dim": 2}}]},
        {"class_name": "Sequential", "config": [
          {"class_name": "Dense", "config": {"name": "b", "batch_input_shape": [null, 3], "output_dim": 2}}]}]}}]})");
  const std::vector<std::pair<const char*, const char*>> modes{
      {"sum", "Add"}, {"mul", "Multiply"}, {"ave", "Average"}, {"max", "Maximum"}, {"concat", "Concatenate"},
      {"dot", "Dot"}, {"cos", "Dot"}};
  for (const auto& [mode, type] : modes) {
    INFO(mode);
    json["config"][0]["config"]["mode"] = mode;
    const KerasGraph graph = read(json, 1);
    const Layer& merge = graph.model.layer("merge");
    CHECK(merge.type() == type);
    if (const auto* dot = dynamic_cast<const DotLayer*>(&merge))
      CHECK(dot->options().normalize == (mode == std::string("cos")));
  }
  json["config"][0]["config"]["mode"] = "min";
  CHECK(error_of([&] { read(json, 1); }) ==
        "layer \"merge\" of class Merge: mode: expected sum, mul, ave, max, concat, dot or cos, got \"min\"");
}

TEST_CASE("a layer name with a slash loses it, and a long config is written and read") {
  const test::TemporaryFolder folder;
  const Json json = Json::parse(R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
      {"class_name": "Dense", "config": {"name": "block/fc", "batch_input_shape": [null, 2], "units": 1}}]}})");
  write_hdf5_model(folder / "m.h5", json.dump(), "2.1.6-tf",
                   {{"block/fc", {{"block/fc/kernel:0", {2, 1}}, {"block/fc/bias:0", {1}}}}});
  CHECK(load_keras_model(folder / "m.h5").parameter("block_fc/bias").value().item() == 2);

  const auto input = Input({2});
  auto x = input;
  for (int i = 0; i < 200; ++i) x = Dense({.units = 2})(x);
  const Model deep(input, x, {.seed = 5});
  save_keras_model(deep, folder / "deep.h5");
  const Model again = load_keras_model(folder / "deep.h5");
  REQUIRE(graph_to_keras(deep).dump().size() > hdf5_attribute_limit);
  CHECK(graph_to_keras(again) == graph_to_keras(deep));
  CHECK(identical(again.parameters().back().value(), deep.parameters().back().value()));
  save_keras_model(deep, folder / "a.keras");
  save_keras_model(deep, folder / "b.keras");
  CHECK(test::read_bytes(folder / "a.keras") == test::read_bytes(folder / "b.keras"));
  // time and date of the first entry: 0:00 on 1 January 1980, not those of the clock
  CHECK(test::read_bytes(folder / "a.keras").substr(10, 4) == std::string("\0\0\x21\0", 4));
}

TEST_CASE("an archive lists the layers in the order in which its weights are numbered") {
  const auto input = Input({6, 6, 3});
  // Keras numbers the shortcut behind the convolutions that are further from the output
  const auto shortcut = Conv2D({.filters = 4, .name = "shortcut"})(input);
  auto x = Conv2D({.filters = 5, .kernel_size = 3, .padding = Padding::same, .name = "first"})(input);
  x = Conv2D({.filters = 4, .kernel_size = 3, .padding = Padding::same, .name = "second"})(x);
  const Model model(input, Add()({shortcut, x}));
  const test::TemporaryFolder folder;
  for (const char* file : {"a.keras", "a.h5"}) {
    INFO(file);
    save_keras_model(model, folder / file);
    const Model again = load_keras_model(folder / file);
    for (const auto& [path, parameter] : model.named_parameters()) {
      CHECK(identical(parameter.value(), again.parameter(path).value()));
    }
  }
}

TEST_CASE("what xtape lacks is an error with layer, class and option") {
  const std::vector<std::tuple<std::string, std::string, std::string>> rows{
      {"Conv2D", R"({"filters": 2, "kernel_size": [1, 1], "data_format": "channels"})", "data_format: expected"},
      {"Conv2D", R"({"filters": 2, "kernel_size": [1, 1], "data_format": "channels_first", "activation": "softmax"})",
       "activation: expected a function of elements"},
      {"Conv2D", R"({"filters": 2, "kernel_size": [1, 1], "padding": "causal"})",
       "padding: expected \"valid\", \"same\" or four amounts of at most 2147483647, got \"causal\"; xtape's Conv2D "
       "has "
       "nothing else, so change the layer in Keras and save the model again"},
      {"Conv2D", R"({"filters": 2, "kernel_size": [1, 1], "activity_regularizer": "l2"})", "activity_regularizer"},
      {"Conv2D", R"({"filters": 2, "kernel_size": [1, 1], "invented": 1})", "\"invented\""},
      {"Conv2D", R"({"filters": 1000000, "kernel_size": [1000, 1000], "padding": "same"})",
       "kernel: expected parameters whose values are"},
      {"Conv2D", R"({"filters": [2], "kernel_size": [1, 1]})", "filters: expected an integer"},
      {"Dense", R"({"units": 2, "kernel_regularizer": {"class_name": "Own", "config": {}}})",
       "kernel_regularizer: exp"},
      {"Dense", R"({"units": 2, "kernel_constraint": "Own"})", "kernel_constraint: expected"},
      {"Dense", R"({"units": 2, "activation": {"class_name": "ReLU", "config": {}}})", "activation: expected the name"},
      {"Dense", R"({"units": 2, "activation": "hard_sigmoid"})", "another formula"},
      {"Dense", R"({"units": 2, "activation": "invented"})", "activation: expected"},
      {"Dense", R"({"units": 2, "dtype": "mixed_float16"})", "dtype: expected float32"},
      {"BatchNormalization", R"({"axis": 2})", "axis: expected -1, the last axis"},
      {"BatchNormalization", R"({"renorm": true})", "renorm: expected [false]"},
      {"Normalization", R"({"axis": -1, "invert": true})", "invert: expected"},
      {"Normalization", R"({"axis": -1, "mean": [1.0, 2.0]})", "expected both mean and variance"},
      {"Resizing", R"({"height": 2, "width": 2, "crop_to_aspect_ratio": true})", "crop_to_aspect_ratio: expected"},
      {"Lambda", R"({"function": "mean"})", "expected a layer that xtape has"},
      {"LSTM", R"({"units": 3})", "expected a layer that xtape has"},
      {"TFOpLambda", R"({"function": "math.add"})", "math.add"},
  };
  for (const auto& [type, config, message] : rows) {
    INFO(type << " " << config);
    const std::string error = error_of([&, &t = type, &c = config] { read(one_layer(t, Json::parse(c)), 2); });
    CHECK_THAT(error, Contains("layer \"tested\" of class " + type) && Contains(message));
  }
}

TEST_CASE("a normalization whose scale Keras multiplies along other axes is not written") {
  const test::TemporaryFolder folder;
  const auto save = [&](const std::vector<std::int64_t>& axes) {
    const auto x = Input({3, 3, 2});
    save_keras_model(Model(x, RMSNormalization({.axis = axes, .name = "rms"})(x)), folder / "m.keras");
  };
  CHECK_NOTHROW(save({2, 3}));
  CHECK_NOTHROW(save({-1}));
  CHECK_THAT(error_of([&] {
               save({1, 2});
             }),
             Contains(": layer rms of class RMSNormalization: axis: expected the last axes, got [1,2]; Keras "
                      "multiplies by the scale along the last axes"));
  CHECK_THAT(error_of([&] { save({1}); }), Contains(": layer rms of class RMSNormalization: axis: expected the last "
                                                    "axes, got 1; Keras multiplies by the scale along the last axes"));
}

TEST_CASE("calls in training or inference alone are rejected where they matter") {
  Json json = one_layer("Dropout", {{"rate", 0.5}});
  json["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"training", true}};
  CHECK(error_of([&] { read(json, 2); }) ==
        "layer \"tested\" of class Dropout: expected a call that follows the mode of the model, got training=True; "
        "xtape's calls have no such argument. In Keras, freeze batch normalization by trainable=False instead, or "
        "remove the layers that are random");
  const std::vector<std::pair<const char*, Json>> random{
      {"SpatialDropout2D", {{"rate", 0.5}}},  {"AlphaDropout", {{"rate", 0.5}}},
      {"GaussianDropout", {{"rate", 0.5}}},   {"GaussianNoise", {{"stddev", 0.5}}},
      {"BatchNormalization", Json::object()}, {"RandomFlip", Json::object()}};
  for (const auto& [type, config] : random) {
    INFO(type);
    Json called = one_layer(type, config);
    called["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"training", false}};
    CHECK_THAT(error_of([&] { read(called, 2); }), Contains("got training=False"));
  }
  Json steady = one_layer("Flatten", Json::object());
  steady["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"training", true}};
  CHECK_NOTHROW(read(steady, 2));
  CHECK_NOTHROW(read(json, 3));  // in Keras 3 the mode of the model prevails
  json = one_layer("BatchNormalization", {{"trainable", false}});
  json["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"training", false}};
  CHECK_NOTHROW(read(json, 2));
  json["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"mask", "x"}};
  CHECK(error_of([&] { read(json, 2); }) ==
        "layer \"tested\" of class BatchNormalization: expected a call on outputs of layers, and no argument but a "
        "training of true or false, got {\"mask\":\"x\"}");
  json["config"]["layers"][1]["inbound_nodes"][0][0][3] = {{"mask", true}};
  CHECK_THAT(error_of([&] { read(json, 2); }), Contains("a training of true or false, got {\"mask\":true}"));
  json["config"]["layers"][1]["class_name"] = "MultiHeadAttention";
  CHECK_THAT(error_of([&] { read(json, 2); }), Contains("\"tested\" of class MultiHeadAttention: expected a layer that "
                                                        "xtape has, got one that it lacks"));
}

TEST_CASE("invalid graphs are errors") {
  const Json good = one_layer("Flatten", Json::object());
  CHECK_NOTHROW(read(good));
  const auto changed = [&](const char* pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return error_of([&] { read(json, 2); });
  };
  CHECK(changed("/config/layers/1/inbound_nodes/0/0/0", "tested") ==
        "layer \"tested\": expected a graph without loops, got a call that reads its own result");
  CHECK(changed("/config/layers/1/inbound_nodes/0/0/0", "none") ==
        "layer \"tested\": expected the name of a layer of the model, got \"none\"");
  CHECK(changed("/config/layers/1/inbound_nodes/0/0/1", 1U) ==
        "layer \"tested\": expected one of the 1 calls of layer \"in\", got number 1");
  CHECK(changed("/config/layers/1/inbound_nodes/0/0/2", 1U) ==
        "layer \"tested\": expected one of the 1 outputs of layer \"in\", got number 1");
  CHECK(changed("/config/layers/1/inbound_nodes", Json::array()) ==
        "layer \"tested\" of class Flatten: expected inbound_nodes, got none");
  CHECK(changed("/config/layers/1/name", "in") == "layer \"in\": expected layers with different names, got it twice");
  CHECK(changed("/config/output_layers", 3) ==
        "output_layers: expected [layer, call, output] or a list of them, got 3");
  CHECK(changed("/config/layers", 3) ==
        "expected a config with a list of layers, got "
        "{\"name\":\"m\",\"layers\":3,\"input_layers\":[[\"in\",0,0]],\"output_l");
  CHECK(changed("/config/layers/0/config/batch_input_shape", Json{nullptr, "x"}) ==
        "layer \"in\" of class InputLayer: shape: expected an option's value, got [\"x\"]");
  CHECK(changed("/class_name", "Own") ==
        "expected a Functional, Model or Sequential, got a class Own; a subclass is code of Keras");
}

TEST_CASE("files that hold no model are named") {
  const test::TemporaryFolder folder;
  const auto input = Input({2});
  const Model model(input, Dense({.units = 3})(input));
  save_weights(model, folder / "w.h5");
  CHECK_THAT(
      error_of([&] { load_keras_model(folder / "w.h5"); }),
      Contains(
          "load_keras_model: expected an attribute model_config, which model.save() of Keras writes, got none in ") &&
          Contains("weights alone are read by load_weights()") && Contains("w.h5"));
  save_hdf5(folder / "empty.h5", {{"a", Tensor::ones({1})}}, {{"/", "model_config", {}}});
  CHECK_THAT(
      error_of([&] { load_keras_model(folder / "empty.h5"); }),
      Contains(
          "load_keras_model: expected an attribute model_config, which model.save() of Keras writes, got none in ") &&
          Contains("weights alone are read by load_weights()") && Contains("empty.h5"));
  save_keras_model(model, folder / "m.keras");
  const std::string bytes = test::read_bytes(folder / "m.keras");
  test::write_bytes(folder / "cut.keras", bytes.substr(0, bytes.size() / 2));
  CHECK_THAT(error_of([&] { load_keras_model(folder / "cut.keras"); }),
             Contains("load_keras_model: expected an undamaged zip archive, got: Not a zip archive: "));
  std::string damaged = bytes;
  damaged[bytes.find("class_name")] = 'x';
  test::write_bytes(folder / "damaged.keras", damaged);
  CHECK_THAT(error_of([&] { load_keras_model(folder / "damaged.keras"); }), Contains("config.json"));
  CHECK_THAT(error_of([&] { load_keras_model(folder / "none.keras"); }),
             Contains("load_keras_model: expected a file that can be read, got ") &&
                 Contains("No such file or directory") && Contains("none.keras"));
  CHECK_THAT(error_of([&] { save_keras_model(model, folder / "m.pb"); }),
             Contains("save_keras_model: expected a name that ends in .keras, .h5 or .hdf5, got "));
  CHECK_THAT(error_of([&] { save_keras_model(model, folder / "m.weights.h5"); }),
             Contains("save_keras_model: expected the name of a model, got ") &&
                 Contains("which Keras reads as weights alone; save_weights() writes them"));
  const auto image = Input({4, 4, 4});
  const Model blocks(image, DepthToSpace({.block_size = 2})(image));
  CHECK_THAT(
      error_of([&] { save_keras_model(blocks, folder / "d.keras"); }),
      Contains("save_keras_model: ") &&
          Contains(
              "layer depth_to_space_1 of class DepthToSpace: expected a layer that Keras has, got one that it lacks"));
  const Model padded(image, MaxPooling2D({.padding = {1, 0, 0, 0}})(image));
  CHECK_THAT(error_of([&] { save_keras_model(padded, folder / "p.keras"); }),
             Contains("save_keras_model: ") &&
                 Contains("layer max_pooling2d_1 of class MaxPooling2D: padding: expected a name of a padding, got "
                          "[1,0,0,0]; Keras has amounts for convolutions alone, as a ZeroPadding layer"));
}

TEST_CASE("h5py reads the attributes of a whole model as single texts") {
  const std::string python = test::python_with("h5py");
  const test::TemporaryFolder folder;
  const auto input = Input({2});
  save_keras_model(Model(input, Dense({.units = 1})(input)), folder / "model.h5");
  CHECK(test::output_of(fmt::format(
            "{} -c 'import h5py; f = h5py.File(\"{}\"); print(*(n for g in (f, f[\"model_weights\"]) "
            "for n, v in sorted(g.attrs.items()) if getattr(v, \"shape\", ()) == ()))'",
            python, (folder / "model.h5").string())) == "backend keras_version model_config backend keras_version\n");
}
