// Layers and models that files of Keras call several times: shared layers, and the numbers of calls.
#include "layers/layers.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "tests/models/keras_forms.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using Catch::Contains;
using test::called;
using test::error_of;
using test::functional;
using test::reference;

namespace {

Json input_of(const char* name) {
  return {{"class_name", "InputLayer"},
          {"name", name},
          {"config", {{"name", name}, {"dtype", "float32"}, {"batch_input_shape", {nullptr, 2}}}},
          {"inbound_nodes", Json::array()}};
}

Model model_of(const Json& json) {
  return graph_from_keras(json, {.version = 2, .custom = {}, .most_elements = 100'000}).model;
}

/// A model whose inner model, y = 2 x + 1, has these calls. The output is the given one.
Json twice_plus_one(const std::vector<Json>& calls, const std::vector<Json>& more, const Json& output,
                    const char* kind = "Functional") {
  const Json scaled = called("Rescaling", "scaled", {Json::array({reference("x", 0)})}, {{"scale", 2}, {"offset", 1}});
  Json inner = functional("inner", {input_of("x"), scaled}, "x", reference("scaled", 0));
  inner["class_name"] = kind;
  inner["inbound_nodes"] = called("", "", calls)["inbound_nodes"];
  std::vector<Json> layers{input_of("in"), inner};
  layers.insert(layers.end(), more.begin(), more.end());
  return functional("outer", layers, "in", output);
}

}  // namespace

TEST_CASE("layers with one shared_object_id are one layer, in an outer and an inner model") {
  const auto shared = [](const char* input, const Json& id) {
    Json layer = called("Dense", "dense", {Json::array({reference(input, 0)})}, {{"units", 2}});
    if (!id.is_null()) layer["shared_object_id"] = id;
    return layer;
  };
  const auto parameters = [&](const Json& outer, const Json& inner) {
    Json part = functional("inner", {input_of("x"), shared("x", inner)}, "x", reference("dense", 0));
    part["inbound_nodes"] = called("", "", {Json::array({reference("dense", 0)})})["inbound_nodes"];
    return model_of(functional("outer", {input_of("in"), shared("in", outer), part}, "in", reference("inner", 0)))
        .parameter_count();
  };
  CHECK(parameters(7, 7) == 6);
  CHECK(parameters(7, 8) == 12);
  CHECK(parameters(nullptr, nullptr) == 12);
}

TEST_CASE("the calls of a model in files of Keras 1 and 2 are numbered from 0 or from 1") {
  const std::vector<Json> once{Json::array({reference("in", 0)})};
  const Tensor x = Tensor::of({1, 2}, {3, -5});
  const std::vector<double> expected{7, -9}, again{15, -17};
  for (const char* kind : {"Functional", "Model", "Sequential"}) {
    for (const unsigned first : {0U, 1U}) {
      INFO(kind << " " << first);
      const auto values = [&](const std::vector<Json>& calls, const std::vector<Json>& more, const Json& output) {
        return test::output_of(model_of(twice_plus_one(calls, more, output, kind)), x).to_vector();
      };
      CHECK(values(once, {}, reference("inner", first)) == expected);
      std::vector<Json> twice = once;
      twice.push_back(Json::array({reference("inner", first)}));
      CHECK(values(twice, {}, reference("inner", first + 1)) == again);
      const Json sum = called("Add", "sum", {Json::array({reference("inner", first), reference("inner", first + 1)})});
      CHECK(values(twice, {sum}, reference("sum", 0)) == std::vector<double>{7 + 15, -9 - 17});
    }
  }
  CHECK_THAT(error_of([&] { model_of(twice_plus_one(once, {}, reference("inner", 2))); }),
             Contains("expected one of the 1 calls of layer \"inner\", got number 2"));
}

TEST_CASE("a call of a model in training or inference alone is rejected if a layer inside depends on it") {
  const auto error = [](const char* type, const Json& config, const Json& training) {
    const Json layer = called(type, "inside", {Json::array({reference("x", 0)})}, config);
    Json inner = functional("inner", {input_of("x"), layer}, "x", reference("inside", 0));
    inner["inbound_nodes"] = called("", "", {Json::array({reference("in", 0)})})["inbound_nodes"];
    if (!training.is_null()) inner["inbound_nodes"][0][0][3] = {{"training", training}};
    const Json outer = functional("outer", {input_of("in"), inner}, "in", reference("inner", 0));
    try {
      model_of(outer);
    } catch (const Error& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  const Json dense{{"class_name", "Dense"}, {"config", {{"name", "dense"}, {"units", 3}}}};
  for (const auto& [type, config] : std::vector<std::pair<const char*, Json>>{
           {"Dropout", {{"rate", 0.5}}}, {"SpectralNormalization", {{"layer", dense}, {"power_iterations", 1}}}}) {
    INFO(type);
    CHECK(error(type, config, nullptr).empty());
    CHECK_THAT(error(type, config, true),
               Contains("\"inner\" of class Functional: expected a call that follows the mode of the model, got "
                        "training=True"));
    CHECK_THAT(error(type, config, false), Contains("got training=False"));
  }
  CHECK(error("Dense", {{"units", 3}}, true).empty());
}

TEST_CASE("outputs of a model that have names are in the order of the names, others in that of the file") {
  const Json negative = called("Rescaling", "negative", {Json::array({reference("in", 0)})}, {{"scale", -1}});
  const Json twice = called("Rescaling", "twice", {Json::array({reference("in", 0)})}, {{"scale", 2}});
  const Tensor x = Tensor::of({1, 2}, {3, 4});
  const std::vector<double> of_negative{-3, -4}, of_twice{6, 8};
  const auto outputs = [&](const Json& references) {
    Json json = functional("m", {input_of("in"), negative, twice}, "in", reference("in", 0));
    json["config"]["output_layers"] = references;
    std::vector<std::vector<double>> values;
    for (const Tensor& output : test::outputs_of(model_of(json), {x})) values.push_back(output.to_vector());
    return values;
  };
  const Json a = reference("negative", 0), b = reference("twice", 0);
  CHECK(outputs({{"first", a}, {"second", b}}) == std::vector{of_negative, of_twice});
  CHECK(outputs({{"second", a}, {"first", b}}) == std::vector{of_twice, of_negative});
  CHECK(outputs(Json::array({a, b})) == std::vector{of_negative, of_twice});
  CHECK(outputs(Json::array({b, a})) == std::vector{of_twice, of_negative});
}

TEST_CASE("a Sequential without an input shape has that of what it is called on, or is an Error") {
  const Json scaled{{"class_name", "Rescaling"}, {"config", {{"name", "scaled"}, {"scale", 2}, {"offset", 1}}}};
  Json sequential{{"class_name", "Sequential"}, {"name", "inner"}, {"config", {{"name", "inner"}}}};
  sequential["config"]["layers"] = Json::array({scaled});
  CHECK(error_of([&] { model_of(sequential); }) ==
        "expected the input shape of a Sequential, got none; call the model on data in Keras and save it again");
  sequential["inbound_nodes"] = called("", "", {Json::array({reference("in", 0)})})["inbound_nodes"];
  const Model model = model_of(functional("outer", {input_of("in"), sequential}, "in", reference("inner", 0)));
  CHECK(test::output_of(model, Tensor::of({1, 2}, {3, 4})).to_vector() == std::vector<double>{7, 9});
}

TEST_CASE("a frozen SpectralNormalization has a frozen layer inside") {
  for (const bool trainable : {true, false}) {
    const Json dense{{"class_name", "Dense"}, {"config", {{"name", "dense"}, {"units", 3}}}};
    const Json normalized = called("SpectralNormalization", "normalized", {Json::array({reference("in", 0)})},
                                   {{"layer", dense}, {"power_iterations", 1}, {"trainable", trainable}});
    const Model model = model_of(functional("m", {input_of("in"), normalized}, "in", reference("normalized", 0)));
    CHECK(model.trainable_count() == (trainable ? 9 : 0));
  }
}
