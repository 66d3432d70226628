#include "models/files/keras/keras_calls.hpp"

#include <algorithm>
#include <iterator>

#include "framework/io/utf8.hpp"
#include "models/files/keras/keras_operations.hpp"
#include "models/files/keras/keras_values.hpp"

namespace xtape {
namespace {

bool is_reference(const Json& json) {
  return json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_number_unsigned() &&
         json[2].is_number_unsigned();
}

KerasReference reference_of(const Json& json) {
  return {json[0].get<std::string>(), json[1].get<std::size_t>(), json[2].get<std::size_t>()};
}

/// Whether an argument of a call in Keras 3 is an output of a layer.
bool is_tensor(const Json& json) {
  return json.is_object() && json.value("class_name", Json()) == "__keras_tensor__" && json.contains("config") &&
         json.at("config").is_object() && json.at("config").contains("keras_history") &&
         is_reference(json.at("config").at("keras_history"));
}

/// Reads a call of a layer, or of an operation, which has constants among its arguments.
class CallReader {
 public:
  explicit CallReader(bool operation) : operation_(operation) {}

  KerasCall read(const Json& json) {
    if (!json.is_object()) {
      references(json);
      return call_;
    }
    const Json arguments = json.value("args", Json::array());
    const Json list = arguments.is_array() ? arguments : Json::array({arguments});
    for (std::size_t i = 0; i < list.size(); ++i) {  // an operation has at most two operands
      argument(i == 0 ? "x" : i == 1 ? "y" : fmt::format("argument {}", i + 1), list[i]);
    }
    keywords(json.value("kwargs", Json::object()));
    return call_;
  }

 private:
  /// Reads an argument that is no tensor.
  void constant(const std::string& name, const Json& value) {
    if (value.is_null() || (operation_ && name == "name")) return;
    if (!operation_ && name == "training" && value.is_boolean()) {
      call_.training = value.get<bool>();
    } else {
      call_.constants[name] = value;
    }
  }

  /// Reads the named arguments. Those of an operation may be outputs of layers.
  void keywords(const Json& given) {
    if (given.is_null()) return;
    check(given.is_object(), "expected the arguments of a call as an object, got {}", shown(given));
    for (const auto& [name, value] : given.items()) {
      if (operation_ && is_reference(value)) {
        call_.inputs.push_back(reference_of(value));
      } else {
        constant(name, value);
      }
    }
  }

  /// Reads an argument of Keras 3: a tensor, a list of them, or a constant.
  void argument(const std::string& name, const Json& json) {
    if (json.is_null()) return;
    if (is_tensor(json)) {
      call_.inputs.push_back(reference_of(json.at("config").at("keras_history")));
    } else if (json.is_array() && std::ranges::none_of(json, [](const Json& value) { return value.is_number(); })) {
      for (const Json& value : json) argument(name, value);
    } else {
      check(operation_, "expected a call on outputs of layers, got the argument {}; compute it in a layer in Keras",
            shown(json));
      constant(name, json);
    }
  }

  /// Reads the arguments of Keras 1 and 2: [name, call, output, named arguments], and lists of them. In place of the
  /// first operand of an operation there may be ["_CONSTANT_VALUE", -1, value, named arguments].
  void references(const Json& json) {
    check(json.is_array(), "expected [layer, call, output] in inbound_nodes, got {}", shown(json));
    const bool is_constant = operation_ && json.size() >= 3 && json[0] == "_CONSTANT_VALUE" && json[1] == -1;
    if (is_constant) {
      constant("x", json[2]);
    } else if (is_reference(json)) {
      call_.inputs.push_back(reference_of(json));
    } else {
      for (const Json& value : json) references(value);
      return;
    }
    if (json.size() > 3) keywords(json[3]);
  }

  bool operation_;
  KerasCall call_;
};

/// The references in a value such as "output_layers".
std::vector<KerasReference> references(const char* what, const Json& json) {
  if (is_reference(json)) return {reference_of(json)};
  check(json.is_structured() && !json.empty(), "{}: expected [layer, call, output] or a list of them, got {}", what,
        shown(json));
  std::map<std::string, const Json*> named;
  std::vector<const Json*> values;
  for (const auto& [name, value] : json.items()) {
    values.push_back(&value);
    if (json.is_object()) named.emplace(name, &value);
  }
  if (json.is_object()) std::ranges::transform(named, values.begin(), [](const auto& entry) { return entry.second; });
  std::vector<KerasReference> all;
  for (const Json* value : values) std::ranges::move(references(what, *value), std::back_inserter(all));
  return all;
}

/// Whether a layer computes something else in training than in inference.
bool depends_on_mode(const Layer& layer) {
  const std::string type = layer.type();
  if (type == "BatchNormalization") return layer.trainable();
  return type.find("Dropout") != std::string::npos || type == "GaussianNoise" || type.starts_with("Random");
}

/// The same with the layers inside. SpectralNormalization normalizes in training alone.
bool depends_on_mode(const KerasNode& node) {
  const auto inside = node.layer->all_sublayers();
  return node.normalized || depends_on_mode(*node.layer) ||
         std::ranges::any_of(inside, [](const auto& layer) { return depends_on_mode(*layer); }) ||
         std::ranges::any_of(node.inner, [](const KerasNode& inner) { return depends_on_mode(inner); });
}

}  // namespace

void check_training(const KerasNode& node, const KerasCall& call) {
  check(!call.training || !depends_on_mode(node),
        "expected a call that follows the mode of the model, got training={}; xtape's calls have no such argument. In "
        "Keras, freeze batch normalization by trainable=False instead, or remove the layers that are random",
        call.training == true ? "True" : "False");
}

KerasCalls::KerasCalls(const Json& layers, const Json& output_layers) {
  bool keras3 = false;
  for (const Json& json : layers) {
    check(json.is_object() && json.contains("name") && json.at("name").is_string(),
          "expected layers with a name, got {}", shown(json));
    Called layer;
    layer.name = json.at("name").get<std::string>();
    const Json type = json.value("class_name", Json());
    if (type.is_string()) layer.type = type.get<std::string>();
    const std::string title = fmt::format("layer \"{:.60}\"", printable(layer.name));
    check(by_name_.emplace(layer.name, layers_.size()).second, "{}: expected layers with different names, got it twice",
          title);
    const Json nodes = json.value("inbound_nodes", Json::array());
    check(nodes.is_array(), "{}: expected inbound_nodes as a list, got {}", title, shown(nodes));
    const bool operation = is_operation(json);
    try {
      for (const Json& node : nodes) {
        layer.calls.push_back(CallReader(operation).read(node));
        keras3 = keras3 || node.is_object();
      }
    } catch (const Error& error) {
      fail_as(error, "{}: {}", title, error.what());
    }
    if (layer.calls.empty() && type == "InputLayer") layer.calls.emplace_back();
    layer.results.resize(layer.calls.size());
    layers_.push_back(std::move(layer));
  }
  if (!keras3) {
    number_calls(output_layers);
    return;
  }
  for (Called& layer : layers_) layer.first_of_outputs = layer.type == "Functional" || layer.type == "Model" ? 1 : 0;
}

/// Finds the number of the first call of each model in files of Keras 1 and 2: some versions begin with 1, because 0
/// stands for the model's own inputs. A config holds the calls that are used, so the largest number is that of the last
/// one.
void KerasCalls::number_calls(const Json& output_layers) {
  std::vector<std::size_t> largest(layers_.size(), 0);
  const auto note = [&](const KerasReference& reference) {
    const auto found = by_name_.find(reference.layer);
    if (found != by_name_.end()) largest[found->second] = std::max(largest[found->second], reference.call);
  };
  for (const Called& layer : layers_) {
    for (const KerasCall& call : layer.calls) std::ranges::for_each(call.inputs, note);
  }
  std::ranges::for_each(references("output_layers", output_layers), note);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Called& layer = layers_[i];
    const bool is_model = layer.type == "Functional" || layer.type == "Model" || layer.type == "Sequential";
    layer.first = is_model && !layer.calls.empty() && largest[i] == layer.calls.size() ? 1 : 0;
    layer.first_of_outputs = layer.first;
  }
}

KerasCalls::Place KerasCalls::place(const KerasReference& reference, std::size_t Called::*first) const {
  const auto found = by_name_.find(reference.layer);
  check(found != by_name_.end(), "expected the name of a layer of the model, got \"{:.60}\"",
        printable(reference.layer));
  const Called& layer = layers_[found->second];
  const std::size_t call = reference.call - layer.*first;
  check(reference.call >= layer.*first && call < layer.calls.size(),
        "expected one of the {} calls of layer \"{:.60}\", got number {}", layer.calls.size(),
        printable(reference.layer), reference.call);
  return {found->second, call};
}

const SymbolicTensor& KerasCalls::result(const KerasReference& reference, std::size_t Called::*first) const {
  const auto [layer, call] = place(reference, first);
  const std::vector<SymbolicTensor>& outputs = layers_[layer].results[call];
  check(reference.output < outputs.size(), "expected one of the {} outputs of layer \"{:.60}\", got number {}",
        outputs.size(), printable(reference.layer), reference.output);
  return outputs[reference.output];
}

void KerasCalls::resolve(const Connect& connect) {
  enum class State { untouched, begun, done };
  std::vector<std::vector<State>> states;
  for (const Called& layer : layers_) states.emplace_back(layer.calls.size(), State::untouched);
  std::vector<Place> pending;
  for (std::size_t layer = layers_.size(); layer-- > 0;) {
    for (std::size_t call = layers_[layer].calls.size(); call-- > 0;) pending.push_back({layer, call});
  }
  while (!pending.empty()) {
    const auto [layer, call] = pending.back();
    State& state = states[layer][call];
    const KerasCall& wanted = layers_[layer].calls[call];
    try {
      if (state == State::begun) {
        std::vector<SymbolicTensor> inputs;
        for (const KerasReference& input : wanted.inputs) inputs.push_back(result(input, &Called::first));
        layers_[layer].results[call] = connect(layer, wanted, inputs);
        state = State::done;
      }
      if (state == State::done) {
        pending.pop_back();
        continue;
      }
      state = State::begun;
      for (const KerasReference& input : wanted.inputs) {
        const Place before = place(input, &Called::first);
        const State known = states[before.layer][before.call];
        check(known != State::begun, "expected a graph without loops, got a call that reads its own result");
        if (known == State::untouched) pending.push_back(before);
      }
    } catch (const Error& error) {
      const std::string title = fmt::format("layer \"{:.60}\"", printable(layers_[layer].name));
      if (std::string(error.what()).starts_with(title)) throw;
      fail_as(error, "{}: {}", title, error.what());
    }
  }
}

std::vector<SymbolicTensor> KerasCalls::tensors(const char* what, const Json& json) const {
  std::vector<SymbolicTensor> all;
  for (const KerasReference& reference : references(what, json))
    all.push_back(result(reference, &Called::first_of_outputs));
  return all;
}

}  // namespace xtape
