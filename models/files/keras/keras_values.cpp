#include "models/files/keras/keras_values.hpp"

#include <algorithm>
#include <array>

#include "models/files/keras_names.hpp"

namespace xtape {
namespace {

/// A class of Keras's and its arguments: from {"class_name": ..., "config": {...}}, from Keras 1's {"name": ..., ...},
/// or from a name alone.
struct KerasObject {
  std::string name;
  Json arguments = Json::object();
};

KerasObject object_of(const Json& given) {
  if (given.is_string()) return {given.get<std::string>()};
  if (given.is_object()) {
    for (const char* field : {"class_name", "name"}) {
      if (!given.contains(field) || !given.at(field).is_string()) continue;
      KerasObject object{given.at(field).get<std::string>(), given};
      if (given.contains("config") && given.at("config").is_object()) object.arguments = given.at("config");
      return object;
    }
  }
  fail("expected a name, or an object with class_name and config, got {}", shown(given));
}

/// A class of Keras with arguments that xtape has under other names.
struct NamedClass {
  std::string ours, keras;
  std::vector<std::pair<std::string, std::string>> arguments;  // xtape's name, Keras's name
};

const std::vector<NamedClass>& initializers() {
  static const std::vector<NamedClass> all{
      {"glorot_uniform", "GlorotUniform", {}},
      {"glorot_normal", "GlorotNormal", {}},
      {"he_uniform", "HeUniform", {}},
      {"he_normal", "HeNormal", {}},
      {"lecun_uniform", "LecunUniform", {}},
      {"lecun_normal", "LecunNormal", {}},
      {"zeros", "Zeros", {}},
      {"ones", "Ones", {}},
      {"constant", "Constant", {{"value", "value"}}},
      {"random_uniform", "RandomUniform", {{"low", "minval"}, {"high", "maxval"}}},
      {"random_normal", "RandomNormal", {{"mean", "mean"}, {"deviation", "stddev"}}},
      {"truncated_normal", "TruncatedNormal", {{"mean", "mean"}, {"deviation", "stddev"}}},
      {"variance_scaling", "VarianceScaling", {{"scale", "scale"}, {"mode", "mode"}, {"distribution", "distribution"}}},
      {"orthogonal", "Orthogonal", {{"gain", "gain"}}},
      {"identity", "Identity", {{"gain", "gain"}}},
  };
  return all;
}

/// Names of initializers in Keras 1, and of classes in some versions of Keras 2.
const std::vector<std::pair<std::string, std::string>> old_initializers{
    {"zero", "zeros"},
    {"one", "ones"},
    {"uniform", "random_uniform"},
    {"normal", "random_normal"},
    {"orthogonal_initializer", "orthogonal"},
    {"identity_initializer", "identity"},
};

const std::vector<NamedClass>& constraints() {
  static const std::vector<NamedClass> all{
      {"max_norm", "MaxNorm", {{"max_value", "max_value"}, {"axes", "axis"}}},
      {"unit_norm", "UnitNorm", {{"axes", "axis"}}},
      {"non_neg", "NonNeg", {}},
      {"min_max_norm",
       "MinMaxNorm",
       {{"min_value", "min_value"}, {"max_value", "max_value"}, {"rate", "rate"}, {"axes", "axis"}}},
  };
  return all;
}

const NamedClass* find(const std::vector<NamedClass>& classes, const std::string& ours) {
  const auto found = std::ranges::find(classes, ours, &NamedClass::ours);
  return found == classes.end() ? nullptr : &*found;
}

/// {"class_name": "GlorotUniform", "config": {...}} in the form of Keras 3.
Json keras_object(const char* package, const std::string& name, Json arguments) {
  return {{"module", package}, {"class_name", name}, {"config", std::move(arguments)}, {"registered_name", nullptr}};
}

Json named_to_keras(const char* what, const std::vector<NamedClass>& classes, const char* package, const Json& given) {
  const auto name = given.at("name").get<std::string>();
  const NamedClass* known = find(classes, name);
  check(known, "expected {} that Keras has, got {}; make the layer with one of xtape's", what, name);
  Json arguments = Json::object();
  for (const auto& [ours, keras] : known->arguments) {
    if (given.contains(ours)) arguments[keras] = given.at(ours);
  }
  return keras_object(package, known->keras, std::move(arguments));
}

}  // namespace

std::string shown(const Json& value) {
  return fmt::format("{:.60}", value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json activation_from_keras(const Json& given, int version) {
  if (given.is_null()) return "linear";
  Json name = given;
  if (given.is_object() && given.value("class_name", Json()) == "function") name = given.value("config", Json());
  check(
      name.is_string(),
      "expected the name of an activation function, got {}; make it a separate layer in Keras and save the model again",
      shown(given));
  check(name != "hard_sigmoid" || version >= 3,
        "expected an activation function of Keras 3, got the hard_sigmoid of Keras {}, which has another formula",
        version);
  if (name == "swish") return "silu";
  if (name == "hard_swish") return "hard_silu";
  return name;
}

Json activation_to_keras(const Json& given) {
  check(given != "gelu_tanh",
        "expected an activation function that a name in Keras stands for, got gelu_tanh; Keras's \"gelu\" is exact");
  return given;
}

Json initializer_from_keras(const Json& given) {
  const auto [type, arguments] = object_of(given);
  std::string name = snake_case(type);
  for (const auto& [old, present] : old_initializers) {
    if (name == old) name = present;
  }
  Json result{{"name", name}};
  const NamedClass* known = find(initializers(), name);
  if (!known) return result;
  for (const auto& [ours, keras] : known->arguments) {
    if (!arguments.contains(keras)) continue;
    const Json& value = arguments.at(keras);
    if (value.is_structured()) return {{"name", name + " of arrays"}};  // a custom one
    result[ours] = value == "normal" ? Json("truncated_normal") : value;
  }
  return result;
}

Json initializer_to_keras(const Json& given) {
  return named_to_keras("an initializer", initializers(), "keras.initializers", given);
}

Json regularizer_from_keras(const Json& given) {
  if (given.is_null()) return nullptr;
  const auto [type, arguments] = object_of(given);
  if (type == "OrthogonalRegularizer") {
    return {{"orthogonal", arguments.value("factor", Json(0.01))}, {"vectors", arguments.value("mode", Json("rows"))}};
  }
  const std::string name = snake_case(type);
  constexpr std::array known{
      "l1", "l2", "l1_l2", "l1l2", "l1_l2_regularizer", "l1l2_regularizer", "weight_regularizer"};
  check(std::ranges::find(known, name) != known.end(),
        "expected L1, L2, L1L2 or OrthogonalRegularizer, got {}; xtape has no other regularizers", shown(type));
  Json result = Json::object();
  for (const char* factor : {"l1", "l2"}) {
    const bool named_alone = given.is_string() && (name == factor || name == "l1_l2");
    const Json value = arguments.value(factor, named_alone ? Json(0.01) : Json(0));
    check(value.is_number(), "{}: expected a number, got {}", factor, shown(value));
    if (value != 0) result[factor] = value;
  }
  return result.empty() ? Json() : result;
}

Json regularizer_to_keras(const Json& given) {
  if (given.is_null()) return nullptr;
  const bool sums = given.contains("l1") || given.contains("l2");
  if (given.contains("orthogonal")) {
    check(!sums, "expected a regularizer that Keras has, got orthogonal together with l1 or l2");
    return keras_object("keras.regularizers", "OrthogonalRegularizer",
                        {{"factor", given.at("orthogonal")}, {"mode", given.at("vectors")}});
  }
  return keras_object("keras.regularizers", "L1L2",
                      {{"l1", given.value("l1", Json(0.0))}, {"l2", given.value("l2", Json(0.0))}});
}

Json constraint_from_keras(const Json& given) {
  if (given.is_null()) return nullptr;
  auto [type, arguments] = object_of(given);
  const std::string name = snake_case(type);
  const NamedClass* known = find(constraints(), name);
  check(known, "expected MaxNorm, MinMaxNorm, NonNeg or UnitNorm, got {}; xtape has no other constraints", shown(type));
  if (arguments.contains("m")) arguments["max_value"] = arguments.at("m");  // Keras 1
  Json result{{"name", name}};
  for (const auto& [ours, keras] : known->arguments) {
    if (!arguments.contains(keras)) continue;
    const Json& value = arguments.at(keras);
    result[ours] = ours == "axes" && value.is_number() ? Json::array({value}) : value;
  }
  return result;
}

Json constraint_to_keras(const Json& given) {
  if (given.is_null()) return nullptr;
  return named_to_keras("a constraint", constraints(), "keras.constraints", given);
}

}  // namespace xtape
