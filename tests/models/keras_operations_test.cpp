// Operations in configs of Keras, as Keras 3 and tf.keras write them: their values by definition, and what is rejected.
#include "models/files/keras/keras_operations.hpp"

#include <cmath>

#include "framework/ops/ops.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::error_of;

/// `text` with other texts in place of X and Y.
std::string with_operands(std::string text, const std::string& x, const std::string& y) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != 'X' && text[at] != 'Y') continue;
    const std::string& operand = text[at] == 'X' ? x : y;
    text.replace(at, 1, operand);
    at += operand.size() - 1;
  }
  return text;
}

std::string tensor_of_keras3(const std::string& name) {
  return R"({"class_name": "__keras_tensor__", "config": {"keras_history": [")" + name + R"(", 0, 0]}})";
}

/// An operation of Keras 3 called with these arguments, where X and Y are the inputs of the model.
Json keras3(const std::string& module, const std::string& type, const std::string& config, const std::string& args) {
  Json json{{"module", "keras.src.ops." + module}, {"class_name", type}, {"name", "op"}};
  json["config"] = Json::parse(config);
  json["config"]["name"] = "op";
  const std::string list = with_operands(args, tensor_of_keras3("x_in"), tensor_of_keras3("y_in"));
  json["inbound_nodes"] = Json::parse(R"([{"kwargs": {}, "args": )" + list + "}]");
  return json;
}

/// An operation of TensorFlow in tf.keras.
Json tensorflow(const std::string& function, const std::string& node) {
  Json json{{"class_name", "TFOpLambda"}, {"name", "op"}};
  json["config"] = {{"name", "op"}, {"trainable", true}, {"dtype", "float32"}, {"function", function}};
  json["inbound_nodes"] = Json::parse("[" + with_operands(node, R"("x_in", 0, 0)", R"("y_in", 0, 0)") + "]");
  return json;
}

/// A model of two inputs, by default (3, 2, 2), and an operation.
Model model_of(const Json& operation, int version, const std::map<std::string, LayerFactory>& custom = {},
               const Json& shape = {nullptr, 3, 2, 2}) {
  const std::string input = R"({"class_name": "InputLayer", "name": "@_in", "inbound_nodes": [],
                               "config": {"name": "@_in", "dtype": "float32"}})";
  Json json = Json::parse(R"({"class_name": "Functional", "config": {"name": "m", "layers": [],
      "input_layers": [["x_in", 0, 0], ["y_in", 0, 0]], "output_layers": [["op", 0, 0]]}})");
  for (const char* name : {"x", "y"}) {
    std::string text = input;
    for (std::size_t at; (at = text.find('@')) != std::string::npos;) text.replace(at, 1, name);
    json["config"]["layers"].push_back(Json::parse(text));
    json["config"]["layers"].back()["config"]["batch_shape"] = shape;
  }
  json["config"]["layers"].push_back(operation);
  Model model = graph_from_keras(json, {.version = version, .custom = custom, .most_elements = 1000}).model;
  model.convert(DType::float64);
  return model;
}

Tensor images(double first) {
  std::vector<double> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.61 * static_cast<double>(i * 7 % 24);
  return Tensor::of({2, 3, 2, 2}, values, DType::float64);
}

Tensor run(const Model& model) { return test::outputs_of(model, {images(-7.3), images(-4.1)}).at(0); }

void check_values(const Json& operation, int version, const std::function<double(double, double)>& f) {
  INFO(operation.dump());
  const std::vector<double> x = images(-7.3).to_vector(), y = images(-4.1).to_vector();
  const Tensor got = run(model_of(operation, version));
  REQUIRE(got.shape() == Shape{2, 3, 2, 2});
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK_THAT(got.to_vector()[i], Catch::WithinAbs(f(x[i], y[i]), 1e-12));
  }
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

TEST_CASE("operations on elements in files of Keras 3 and tf.keras have the values of their definitions") {
  check_values(keras3("numpy", "Add", "{}", "[X, 3.0]"), 3, [](double x, double) { return x + 3; });
  check_values(keras3("numpy", "Add", "{}", "[2, X]"), 3, [](double x, double) { return x + 2; });
  check_values(keras3("numpy", "Add", "{}", "[X, Y]"), 3, [](double x, double y) { return x + y; });
  check_values(keras3("numpy", "Subtract", "{}", "[X, 0.25]"), 3, [](double x, double) { return x - 0.25; });
  check_values(keras3("numpy", "Subtract", "{}", "[1.5, X]"), 3, [](double x, double) { return 1.5 - x; });
  check_values(keras3("numpy", "Subtract", "{}", "[Y, X]"), 3, [](double x, double y) { return y - x; });
  check_values(keras3("numpy", "Multiply", "{}", "[X, 0.125]"), 3, [](double x, double) { return x / 8; });
  check_values(keras3("numpy", "Multiply", "{}", "[X, Y]"), 3, [](double x, double y) { return x * y; });
  check_values(keras3("numpy", "TrueDivide", "{}", "[X, 4]"), 3, [](double x, double) { return x / 4; });
  check_values(keras3("numpy", "Divide", "{}", "[X, 4]"), 3, [](double x, double) { return x / 4; });
  check_values(keras3("numpy", "Negative", "{}", "[X]"), 3, [](double x, double) { return -x; });
  check_values(keras3("numpy", "Maximum", "{}", "[X, 0.0]"), 3, [](double x, double) { return std::max(x, 0.0); });
  check_values(keras3("numpy", "Maximum", "{}", "[X, Y]"), 3, [](double x, double y) { return std::max(x, y); });
  check_values(keras3("numpy", "Minimum", "{}", "[X, Y]"), 3, [](double x, double y) { return std::min(x, y); });
  check_values(keras3("numpy", "Clip", R"({"x_min": 0, "x_max": 5})", "[X]"), 3,
               [](double x, double) { return std::clamp(x, 0.0, 5.0); });
  check_values(keras3("numpy", "Tanh", "{}", "[X]"), 3, [](double x, double) { return std::tanh(x); });
  check_values(keras3("numpy", "Exp", "{}", "[X]"), 3, [](double x, double) { return std::exp(x); });
  check_values(keras3("nn", "Relu", "{}", "[X]"), 3, [](double x, double) { return std::max(x, 0.0); });
  check_values(keras3("nn", "Relu6", "{}", "[X]"), 3, [](double x, double) { return std::clamp(x, 0.0, 6.0); });
  check_values(keras3("nn", "Sigmoid", "{}", "[X]"), 3, [](double x, double) { return sigmoid_of(x); });
  check_values(keras3("nn", "LogSigmoid", "{}", "[X]"), 3, [](double x, double) { return std::log(sigmoid_of(x)); });
  check_values(keras3("nn", "HardSigmoid", "{}", "[X]"), 3,
               [](double x, double) { return std::clamp(x + 3, 0.0, 6.0) / 6; });
  check_values(keras3("nn", "Silu", "{}", "[X]"), 3, [](double x, double) { return x * sigmoid_of(x); });
  check_values(keras3("nn", "HardSilu", "{}", "[X]"), 3,
               [](double x, double) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; });
  check_values(keras3("nn", "Selu", "{}", "[X]"), 3, [](double x, double) {
    return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));  // Klambauer et al. 2017
  });
  check_values(keras3("nn", "Softplus", "{}", "[X]"), 3, [](double x, double) { return std::log1p(std::exp(x)); });
  check_values(keras3("nn", "Softsign", "{}", "[X]"), 3, [](double x, double) { return x / (1 + std::abs(x)); });
  check_values(keras3("nn", "Elu", R"({"alpha": 0.5})", "[X]"), 3,
               [](double x, double) { return x > 0 ? x : 0.5 * std::expm1(x); });
  check_values(keras3("nn", "LeakyRelu", R"({"negative_slope": 0.1})", "[X]"), 3,
               [](double x, double) { return x > 0 ? x : 0.1 * x; });
  const auto exact = [](double x, double) { return x * 0.5 * std::erfc(-x / std::sqrt(2)); };
  const auto approximate = [](double x, double) {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  };
  check_values(keras3("nn", "Gelu", R"({"approximate": false})", "[X]"), 3, exact);
  check_values(keras3("nn", "Gelu", R"({"approximate": true})", "[X]"), 3, approximate);
  check_values(keras3("nn", "Gelu", "{}", "[X]"), 3, approximate);

  check_values(tensorflow("__operators__.add", R"([X, {"y": 3.0, "name": null}])"), 2,
               [](double x, double) { return x + 3; });
  check_values(tensorflow("math.add", R"([X, {"y": [Y], "name": "sum"}])"), 2,
               [](double x, double y) { return x + y; });
  check_values(tensorflow("math.subtract", R"(["_CONSTANT_VALUE", -1, 1.5, {"y": [X], "name": null}])"), 2,
               [](double x, double) { return 1.5 - x; });
  check_values(tensorflow("math.subtract", R"([X, {"y": 1.5}])"), 2, [](double x, double) { return x - 1.5; });
  check_values(tensorflow("math.multiply", R"(["_CONSTANT_VALUE", -1, 0.5, {"y": [X], "name": null}])"), 2,
               [](double x, double) { return x / 2; });
  check_values(tensorflow("math.truediv", R"([X, {"y": 2, "name": null}])"), 2, [](double x, double) { return x / 2; });
  check_values(tensorflow("math.divide", R"([X, {"y": 2}])"), 2, [](double x, double) { return x / 2; });
  check_values(tensorflow("math.negative", R"([X, {"name": null}])"), 2, [](double x, double) { return -x; });
  check_values(tensorflow("math.maximum", R"([X, {"y": 0.0}])"), 2, [](double x, double) { return std::max(x, 0.0); });
  check_values(tensorflow("math.minimum", R"([X, {"y": [Y]}])"), 2, [](double x, double y) { return std::min(x, y); });
  check_values(tensorflow("clip_by_value", R"([X, {"clip_value_min": 0, "clip_value_max": 5}])"), 2,
               [](double x, double) { return std::clamp(x, 0.0, 5.0); });
  check_values(tensorflow("nn.relu6", "[X, {}]"), 2, [](double x, double) { return std::clamp(x, 0.0, 6.0); });
  check_values(tensorflow("nn.silu", R"([X, {"beta": 1.0}])"), 2, [](double x, double) { return x * sigmoid_of(x); });
  check_values(tensorflow("nn.swish", "[X]"), 2, [](double x, double) { return x * sigmoid_of(x); });
  check_values(tensorflow("nn.leaky_relu", R"([X, {"alpha": 0.1}])"), 2,
               [](double x, double) { return x > 0 ? x : 0.1 * x; });
  check_values(tensorflow("nn.leaky_relu", "[X, {}]"), 2, [](double x, double) { return x > 0 ? x : 0.2 * x; });
  check_values(tensorflow("nn.elu", "[X, {}]"), 2, [](double x, double) { return x > 0 ? x : std::expm1(x); });
  check_values(tensorflow("nn.gelu", "[X, {}]"), 2, exact);
}

TEST_CASE("operations in files of Keras 3 are those of keras.ops too") {
  for (const char* module : {"keras.ops.numpy", "keras.ops", "keras.src.ops"}) {
    Json operation = keras3("numpy", "Add", "{}", "[X, 3.0]");
    operation["module"] = module;
    check_values(operation, 3, [](double x, double) { return x + 3; });
  }
}

TEST_CASE("operations along axes in files of Keras 3 and tf.keras have the values of their definitions") {
  const auto check = [](const Json& operation, int version, const Variable& expected) {
    INFO(operation.dump());
    const Tensor got = run(model_of(operation, version)), wanted = expected.value();
    REQUIRE(got.shape() == wanted.shape());
    CHECK(test::largest_difference(got, wanted) < 1e-12);
  };
  const Variable x(images(-7.3)), y(images(-4.1));
  const Variable joined = concatenate({x, y}, -1), permuted = transpose(x, {0, 3, 1, 2});
  check(keras3("numpy", "Concatenate", R"({"axis": -1})", "[[X, Y]]"), 3, joined);
  check(keras3("numpy", "Concatenate", R"({"axis": 1})", "[[X, Y]]"), 3, concatenate({x, y}, 1));
  check(tensorflow("concat", R"([[X, {"axis": -1}], [Y, {"axis": -1}]])"), 2, joined);
  check(keras3("numpy", "Reshape", R"({"newshape": [-1, 4, 3]})", "[X]"), 3, reshape(x, {2, 4, 3}));
  check(tensorflow("reshape", R"([X, {"shape": [-1, 6, 2]}])"), 2, reshape(x, {2, 6, 2}));
  check(keras3("numpy", "Transpose", R"({"axes": [0, 3, 1, 2]})", "[X]"), 3, permuted);
  check(tensorflow("compat.v1.transpose", R"([X, {"perm": [0, 3, 1, 2], "conjugate": false, "name": "transpose"}])"), 2,
        permuted);
  check(keras3("numpy", "Mean", R"({"axis": [1, 2], "keepdims": false})", "[X]"), 3, mean(x, {1, 2}));
  check(keras3("numpy", "Mean", R"({"axis": [-2, -3], "keepdims": true})", "[X]"), 3, mean(x, {1, 2}, true));
  check(keras3("numpy", "Max", R"({"axis": [1, 2], "keepdims": true, "initial": null})", "[X]"), 3,
        max(x, {1, 2}, true));
  check(tensorflow("math.reduce_mean", R"([X, {"axis": [2, 1]}])"), 2, mean(x, {1, 2}));
  check(tensorflow("math.reduce_max", R"([X, {"axis": [1, 2], "keepdims": false}])"), 2, max(x, {1, 2}));
  check(keras3("nn", "Softmax", R"({"axis": 1})", "[X]"), 3, softmax(x, 1));
  // one axis as a number, of sequences (6, 2)
  const Tensor steps = images(-7.3).reshaped({2, 6, 2});
  for (const char* axis : {"1", "-2", "[1]"}) {
    for (const bool mean_of : {true, false}) {
      const Json operation = keras3("numpy", mean_of ? "Mean" : "Max", fmt::format(R"({{"axis": {}}})", axis), "[X]");
      const Model model = model_of(operation, 3, {}, {nullptr, 6, 2});
      const Variable expected = mean_of ? mean(steps, {1}) : max(steps, {1});
      CHECK(test::largest_difference(test::outputs_of(model, {steps, steps}).at(0), expected.value()) < 1e-12);
    }
  }
  check(tensorflow("nn.softmax", "[X, {}]"), 2, softmax(x, -1));
}

TEST_CASE("operations that no layer computes are rejected with their name and what is the matter") {
  const auto error = [](const Json& operation, int version) { return error_of([&] { model_of(operation, version); }); };
  CHECK(error(keras3("numpy", "Cumsum", "{}", "[X]"), 3) ==
        "layer \"op\" of class Cumsum: expected an operation that a layer of xtape computes, got Cumsum; replace it by "
        "a layer in Keras, or give a factory in LoadKerasModelOptions::custom_layers");
  CHECK(error(tensorflow("math.cumsum", "[X]"), 2) ==
        "layer \"op\" of class TFOpLambda: expected an operation that a layer of xtape computes, got math.cumsum; "
        "replace it by a layer in Keras, or give a factory in LoadKerasModelOptions::custom_layers");
  CHECK(error(keras3("numpy", "TrueDivide", "{}", "[X, 0]"), 3) ==
        "layer \"op\" of class TrueDivide: operation TrueDivide: expected a tensor divided by a number other than 0, "
        "got 0");
  CHECK(error(keras3("numpy", "TrueDivide", "{}", "[1, X]"), 3) ==
        "layer \"op\" of class TrueDivide: operation TrueDivide: expected a tensor divided by a number other than 0, "
        "got 1 divided by a tensor");
  CHECK(
      error(keras3("numpy", "TrueDivide", "{}", "[X, Y]"), 3) ==
      "layer \"op\" of class TrueDivide: operation TrueDivide: expected a tensor and a number, got 2 tensors and null");
  CHECK(error(keras3("numpy", "Add", "{}", R"([X, "text"])"), 3) ==
        "layer \"op\" of class Add: operation Add: expected a tensor and a number, got 1 tensor and \"text\"");
  CHECK(error(keras3("numpy", "Add", "{}", "[X]"), 3) ==
        "layer \"op\" of class Add: operation Add: expected a tensor and a number, got 1 tensor and null");
  CHECK(error(keras3("numpy", "Add", "{}", "[X, [1.0, 2.0]]"), 3) ==
        "layer \"op\" of class Add: operation Add: expected a tensor and a number, got 1 tensor and [1.0,2.0]");
  CHECK(error(keras3("numpy", "Maximum", "{}", "[X, 1.0]"), 3) ==
        "layer \"op\" of class Maximum: operation Maximum: expected the maximum of two tensors, or of a tensor and 0, "
        "got 1");
  CHECK(error(keras3("numpy", "Minimum", "{}", "[X, 1.0]"), 3) ==
        "layer \"op\" of class Minimum: operation Minimum: expected the minimum of two tensors, got 1");
  CHECK(error(keras3("numpy", "Clip", R"({"x_min": -1, "x_max": 5})", "[X]"), 3) ==
        "layer \"op\" of class Clip: operation Clip: expected limits of 0 and a positive number, got -1 and 5");
  for (const char* limit : {"0", "-2", "null"}) {
    CHECK(error(keras3("numpy", "Clip", fmt::format(R"({{"x_min": 0, "x_max": {}}})", limit), "[X]"), 3) ==
          fmt::format(
              "layer \"op\" of class Clip: operation Clip: expected limits of 0 and a positive number, got 0 and {}",
              limit));
  }
  CHECK(error(keras3("numpy", "Reshape", R"({"newshape": [2, 12]})", "[X]"), 3) ==
        "layer \"op\" of class Reshape: operation Reshape: shape: expected a list that begins with -1 for the batch, "
        "got [2,12]");
  CHECK(error(keras3("numpy", "Transpose", R"({"axes": [1, 0, 2, 3]})", "[X]"), 3) ==
        "layer \"op\" of class Transpose: operation Transpose: axes: expected a list that begins with 0 for the batch, "
        "got [1,0,2,3]");
  CHECK(error(keras3("numpy", "Transpose", R"({"axes": null})", "[X]"), 3) ==
        "layer \"op\" of class Transpose: operation Transpose: axes: expected a list that begins with 0 for the batch, "
        "got null");
  CHECK(error(keras3("numpy", "Mean", R"({"axis": [1], "keepdims": false})", "[X]"), 3) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected all axes between the batch and the channels, "
        "[1,2], got [1]");
  CHECK(error(keras3("numpy", "Mean", R"({"axis": null, "keepdims": false})", "[X]"), 3) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected the axes between the batch and the channels, got "
        "null");
  CHECK(error_of([&] {
          model_of(keras3("numpy", "Mean", R"({"axis": 2})", "[X]"), 3, {}, {nullptr, 6, 2});
        }) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected all axes between the batch and the channels, [1], "
        "got [2]");
  CHECK(error_of([&] {
          model_of(keras3("numpy", "Mean", R"({"axis": 1})", "[X]"), 3, {}, {nullptr, 6});
        }) == "layer \"op\" of class Mean: operation Mean: expected sequences, images or volumes, got 2 axes");
  CHECK(error(keras3("numpy", "Mean", R"({"axis": ["a"]})", "[X]"), 3) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected whole numbers, got [\"a\"]");
  CHECK(error(keras3("numpy", "Max", R"({"axis": [1, 2], "initial": 5})", "[X]"), 3) ==
        "layer \"op\" of class Max: operation Max: initial: expected none");
  CHECK(error(keras3("nn", "Relu", R"({"threshold": 1})", "[X]"), 3) ==
        "layer \"op\" of class Relu: operation Relu: threshold: expected none, got 1");
  CHECK(error(tensorflow("nn.silu", R"([X, {"beta": 2.0}])"), 2) ==
        "layer \"op\" of class TFOpLambda: operation nn.silu: beta: expected 1, got 2.0");
  CHECK(error(keras3("nn", "Softmax", R"({"axis": null})", "[X]"), 3) ==
        "layer \"op\" of class Softmax: operation Softmax: axis: expected a value, got null");
  CHECK(error(tensorflow("nn.gelu", R"([X, {"approximate": 1}])"), 2) ==
        "layer \"op\" of class TFOpLambda: operation nn.gelu: approximate: expected true or false, got 1");
  CHECK(error(keras3("numpy", "Mean", R"({"axis": [4294967297, 2]})", "[X]"), 3) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected all axes between the batch and the channels, "
        "[1,2], got [4294967297,2]");
  CHECK(error(keras3("numpy", "Mean", R"({"axis": {"a": 1, "b": 2}})", "[X]"), 3) ==
        "layer \"op\" of class Mean: operation Mean: axis: expected the axes between the batch and the channels, got "
        "{\"a\":1,\"b\":2}");
  CHECK(
      error(keras3("numpy", "Concatenate", "{}", "[[X, Y]]"), 3) ==
      "layer \"op\" of class Concatenate: operation Concatenate: axis: expected another axis than the batch, got null");
  CHECK(error(tensorflow("compat.v1.transpose", R"([X, {"perm": [0, 2, 1, 3], "conjugate": true}])"), 2) ==
        "layer \"op\" of class TFOpLambda: operation compat.v1.transpose: conjugate: expected false");
  CHECK(error(keras3("numpy", "Negative", "{}", "[X, X, 4]"), 3) ==
        "layer \"op\" of class Negative: operation Negative: argument 3: expected none, got 4");
  Json twice = keras3("numpy", "Negative", "{}", "[X]");
  twice["inbound_nodes"].push_back(twice["inbound_nodes"][0]);
  CHECK(error(twice, 3) == "layer \"op\" of class Negative: expected one call of an operation, got 2");
  Json nameless = keras3("numpy", "Negative", "{}", "[X]");
  nameless["class_name"] = 3;
  CHECK(error(nameless, 3) == "layer \"op\" of class : function: expected the name of an operation, got 3");
}

TEST_CASE("an operation of tensors with different numbers of axes is rejected") {
  Json json = Json::parse(R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "x_in", "inbound_nodes": [],
       "config": {"name": "x_in", "batch_shape": [null, 1, 5], "dtype": "float32"}},
      {"class_name": "InputLayer", "name": "y_in", "inbound_nodes": [],
       "config": {"name": "y_in", "batch_shape": [null, 5], "dtype": "float32"}}],
      "input_layers": [["x_in", 0, 0], ["y_in", 0, 0]], "output_layers": [["op", 0, 0]]}})");
  for (const char* type : {"Add", "Subtract", "Multiply", "Maximum", "Minimum"}) {
    Json wrong = json;
    wrong["config"]["layers"].push_back(keras3("numpy", type, "{}", "[X, Y]"));
    CHECK_THAT(error_of([&] { graph_from_keras(wrong, {.version = 3, .custom = {}, .most_elements = 1000}); }),
               Contains("expected two tensors with the same number of axes, got 3 and 2; reshape one in Keras"));
  }
}

TEST_CASE("a custom layer stands for an operation without numbers") {
  const auto make_relu = [](const LayerConfig&) {
    return std::make_shared<ActivationLayer>(ActivationLayer::Options{.function = relu});
  };
  const std::map<std::string, LayerFactory> custom{{"TFOpLambda", make_relu}, {"Cumsum", make_relu}};
  CHECK(run(model_of(tensorflow("math.cumsum", "[X]"), 2, custom)).to_vector()[0] == 0);
  CHECK(run(model_of(keras3("numpy", "Cumsum", "{}", "[X]"), 3, custom)).to_vector()[0] == 0);
  CHECK(error_of([&] { model_of(tensorflow("math.add", R"([X, {"y": 3.0}])"), 2, custom); }) ==
        "layer \"op\" of class TFOpLambda: expected a call on outputs of layers, and no argument but a training of "
        "true or false, got {\"y\":3.0}");
}

}  // namespace
}  // namespace xtape
