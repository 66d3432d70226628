#include "models/files/keras/keras_operations.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "framework/amount.hpp"
#include "framework/io/utf8.hpp"
#include "models/files/keras/keras_values.hpp"
#include "models/files/keras_names.hpp"

namespace xtape {
namespace {

bool of_keras3(const Json& layer) {
  const Json module = layer.value("module", Json());
  if (!module.is_string()) return false;
  const auto name = module.get<std::string>();
  return name.starts_with("keras.src.ops") || name.starts_with("keras.ops");
}

/// A call of an operation.
struct Operation {
  bool keras3;
  std::vector<int> ranks;  ///< numbers of axes of the operands that are tensors, with the batch axis
  Json parameters;         ///< all other arguments

  /// Removes a parameter, which has one of these names. Null if the call does not have it.
  Json take(const std::vector<const char*>& names) {
    Json value;
    for (const char* name : names) {
      if (!parameters.contains(name)) continue;
      value = parameters.at(name);
      parameters.erase(name);
    }
    return value;
  }
  /// Removes a parameter. Error when it is null, which has other meanings than a missing one.
  Json take(const std::vector<const char*>& names, const Json& otherwise) {
    for (const char* name : names) {
      check(!parameters.contains(name) || !parameters.at(name).is_null(), "{}: expected a value, got null", name);
    }
    const Json value = take(names);
    return value.is_null() ? otherwise : value;
  }
  /// Whether there are two tensors. Error unless they have the same number of axes: Keras aligns axes on the right,
  /// layers behind the batch.
  bool of_tensors() const {
    if (ranks.size() != 2) return false;
    check(ranks[0] == ranks[1],
          "expected two tensors with the same number of axes, got {} and {}; reshape one in Keras", ranks[0], ranks[1]);
    return true;
  }
};

Json layer(const std::string& type, Json options = Json::object()) {
  return {{"class_name", type}, {"config", std::move(options)}};
}

Json function(const std::string& name) { return layer("Activation", {{"activation", name}}); }

/// The number beside the tensor of `x + 3.0` or `3.0 - x`.
struct Number {
  double value;
  bool first;
};

Number number_of(Operation& operation) {
  const bool first = operation.parameters.contains("x");
  const Json given = operation.take({first ? "x" : "y"});
  check(operation.ranks.size() == 1 && given.is_number() && std::isfinite(given.get<double>()),
        "expected a tensor and a number, got {} and {}", amount(operation.ranks.size(), "tensor"), shown(given));
  return {given.get<double>(), first};
}

Json scaled(double scale, double offset) { return layer("Rescaling", {{"scale", scale}, {"offset", offset}}); }

Json add(Operation& operation) { return operation.of_tensors() ? layer("Add") : scaled(1, number_of(operation).value); }

Json subtract(Operation& operation) {
  if (operation.of_tensors()) return layer("Subtract");
  const Number number = number_of(operation);
  return number.first ? scaled(-1, number.value) : scaled(1, -number.value);
}

Json multiply(Operation& operation) {
  return operation.of_tensors() ? layer("Multiply") : scaled(number_of(operation).value, 0);
}

Json divide(Operation& operation) {
  const Number divisor = number_of(operation);
  check(!divisor.first && divisor.value != 0, "expected a tensor divided by a number other than 0, got {}{}",
        divisor.value, divisor.first ? " divided by a tensor" : "");
  return scaled(1 / divisor.value, 0);
}

Json maximum(Operation& operation) {
  if (operation.of_tensors()) return layer("Maximum");
  const double number = number_of(operation).value;
  check(number == 0, "expected the maximum of two tensors, or of a tensor and 0, got {}", number);
  return function("relu");
}

Json minimum(Operation& operation) {
  check(operation.of_tensors(), "expected the minimum of two tensors, got {}", operation.ranks.size());
  return layer("Minimum");
}

Json clip(Operation& operation) {
  const Json low = operation.take({"x_min", "clip_value_min"}), high = operation.take({"x_max", "clip_value_max"});
  check(low == 0 && high.is_number() && high > 0, "expected limits of 0 and a positive number, got {} and {}",
        shown(low), shown(high));
  return layer("ReLU", {{"max_value", high}});
}

/// The list of a parameter, without the batch axis.
Json without_batch(const char* name, Json list, const Json& batch) {
  check(list.is_array() && !list.empty() && (list[0] == batch || list[0].is_null()),
        "{}: expected a list that begins with {} for the batch, got {}", name, shown(batch), shown(list));
  list.erase(0);
  return list;
}

Json reshape(Operation& operation) {
  return layer("Reshape", {{"target_shape", without_batch("shape", operation.take({"newshape", "shape"}), Json(-1))}});
}

Json transpose(Operation& operation) {
  check(operation.take({"conjugate"}, false) == false, "conjugate: expected false");
  return layer("Permute", {{"dims", without_batch("axes", operation.take({"axes", "perm"}), Json(0))}});
}

Json concatenate(Operation& operation) {
  const Json axis = operation.take({"axis"});
  check(axis.is_number() && axis != 0, "axis: expected another axis than the batch, got {}", shown(axis));
  return layer("Concatenate", {{"axis", axis}});
}

/// The mean or the maximum over all axes between the batch and the channels.
Json pooled(Operation& operation, const char* kind) {
  Json axes = operation.take({"axis"});
  check(operation.take({"initial"}).is_null(), "initial: expected none");
  if (axes.is_number()) axes = Json::array({axes});
  check(axes.is_array(), "axis: expected the axes between the batch and the channels, got {}", shown(axes));
  const int rank = operation.ranks.empty() ? 0 : operation.ranks[0], spatial = rank - 2;
  check(spatial >= 1 && spatial <= 3, "expected sequences, images or volumes, got {}", amount(rank, "axis", "axes"));
  std::vector<std::int64_t> given, all;
  for (const Json& axis : axes) {
    check(axis.is_number_integer(), "axis: expected whole numbers, got {}", shown(axes));
    given.push_back(axis.get<std::int64_t>() + (axis < 0 ? rank : 0));
  }
  for (int axis = 1; axis <= spatial; ++axis) all.push_back(axis);
  std::ranges::sort(given);
  check(given == all, "axis: expected all axes between the batch and the channels, {}, got {}", shown(all),
        shown(axes));
  return layer(fmt::format("Global{}Pooling{}D", kind, spatial), {{"keepdims", operation.take({"keepdims"}, false)}});
}

/// gelu of Keras 3 is approximate by default, that of TensorFlow exact.
Json gelu(Operation& operation) {
  const Json approximate = operation.take({"approximate"}, operation.keras3);
  check(approximate.is_boolean(), "approximate: expected true or false, got {}", shown(approximate));
  return function(approximate == true ? "gelu_tanh" : "gelu");
}

Json silu(Operation& operation) {
  const Json beta = operation.take({"beta"}, 1.0);
  check(beta == 1, "beta: expected 1, got {}", shown(beta));
  return function("silu");
}

using Row = std::function<Json(Operation&)>;

Row named(const std::string& name) {
  return [=](Operation&) { return function(name); };
}

/// A layer with one option, which the operation has under one of these names.
Row with_option(const std::string& type, const std::string& option, const std::vector<const char*>& names,
                const Json& otherwise) {
  return [=](Operation& given) { return layer(type, {{option, given.take(names, otherwise)}}); };
}

/// The operations that layers compute, by their names in NumPy.
const std::map<std::string, Row>& rows() {
  static const std::map<std::string, Row> all{
      {"add", add},
      {"subtract", subtract},
      {"multiply", multiply},
      {"divide", divide},
      {"true_divide", divide},
      {"negative", [](Operation&) { return scaled(-1, 0); }},
      {"maximum", maximum},
      {"minimum", minimum},
      {"clip", clip},
      {"concatenate", concatenate},
      {"reshape", reshape},
      {"transpose", transpose},
      {"mean", [](Operation& given) { return pooled(given, "Average"); }},
      {"max", [](Operation& given) { return pooled(given, "Max"); }},
      {"softmax", with_option("Softmax", "axis", {"axis"}, -1)},
      {"elu", with_option("ELU", "alpha", {"alpha"}, 1.0)},
      {"leaky_relu", with_option("LeakyReLU", "negative_slope", {"negative_slope", "alpha"}, 0.2)},
      {"gelu", gelu},
      {"relu", named("relu")},
      {"relu6", named("relu6")},
      {"sigmoid", named("sigmoid")},
      {"log_sigmoid", named("log_sigmoid")},
      {"hard_sigmoid", named("hard_sigmoid")},
      {"tanh", named("tanh")},
      {"silu", silu},
      {"hard_silu", named("hard_silu")},
      {"selu", named("selu")},
      {"softplus", named("softplus")},
      {"softsign", named("softsign")},
      {"exp", named("exponential")},
  };
  return all;
}

/// The NumPy name of a function of TensorFlow, such as "math.reduce_mean" or "__operators__.add".
std::string name_of_tensorflow(const std::string& function) {
  static const std::map<std::string, std::string> renamed{
      {"truediv", "divide"},     {"reduce_mean", "mean"},   {"reduce_max", "max"},
      {"concat", "concatenate"}, {"clip_by_value", "clip"}, {"swish", "silu"},
  };
  const std::string name = function.substr(function.rfind('.') + 1);
  const auto found = renamed.find(name);
  return found == renamed.end() ? name : found->second;
}

}  // namespace

bool is_operation(const Json& given) {
  return given.is_object() && (of_keras3(given) || given.value("class_name", Json()) == "TFOpLambda");
}

Json layer_of_operation(const Json& given, const Json& constants, const std::vector<int>& ranks) {
  const Json config = given.value("config", Json());
  check(config.is_object(), "config: expected an object, got {}", shown(config));
  Operation operation{of_keras3(given), ranks, constants};
  const Json type = operation.keras3 ? given.value("class_name", Json()) : config.value("function", Json());
  check(type.is_string(), "function: expected the name of an operation, got {}", shown(type));
  const auto name = type.get<std::string>();
  const auto row = rows().find(operation.keras3 ? snake_case(name) : name_of_tensorflow(name));
  check(row != rows().end(),
        "expected an operation that a layer of xtape computes, got {}; replace it by a layer in Keras, or give a "
        "factory in LoadKerasModelOptions::custom_layers",
        printable(name));
  for (const auto& [parameter, value] : config.items()) {
    if (parameter == "name" || parameter == "trainable" || parameter == "dtype" || parameter == "function") continue;
    operation.parameters[parameter] = value;
  }
  try {
    Json result = row->second(operation);
    for (const auto& [parameter, value] : operation.parameters.items()) {
      check(value.is_null(), "{}: expected none, got {}", printable(parameter), shown(value));
    }
    for (const char* kept : {"name", "dtype"}) {
      if (config.contains(kept)) result["config"][kept] = config.at(kept);
    }
    if (given.contains("name")) result["name"] = given.at("name");
    return result;
  } catch (const Error& error) {
    fail_as(error, "operation {}: {}", printable(name), error.what());
  }
}

}  // namespace xtape
