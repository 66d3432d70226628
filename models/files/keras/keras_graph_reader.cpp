#include <algorithm>
#include <iterator>
#include <set>

#include "framework/amount.hpp"
#include "framework/io/utf8.hpp"
#include "layers/graph/input.hpp"
#include "layers/parameters/constraint.hpp"
#include "models/files/keras/keras_axes.hpp"
#include "models/files/keras/keras_calls.hpp"
#include "models/files/keras/keras_classes.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_operations.hpp"
#include "models/files/keras/keras_values.hpp"

namespace xtape {
namespace {

using Tensors = std::vector<SymbolicTensor>;

/// The member of an object; null if it has none.
const Json& member(const Json& json, const char* name) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto found = json.find(name);
  return found == json.end() ? null : *found;
}

std::string text_of(const Json& json, const char* name) {
  const Json& text = member(json, name);
  return text.is_string() ? text.get<std::string>() : "";
}

std::string class_of(const Json& layer) { return text_of(layer, "class_name"); }

/// The name of a layer: beside its config, or in it.
std::string name_of(const Json& layer) {
  const std::string outside = text_of(layer, "name");
  return outside.empty() ? text_of(member(layer, "config"), "name") : outside;
}

bool is_model(const Json& layer) {
  const std::string type = class_of(layer);
  return type == "Functional" || type == "Model" || type == "Sequential";
}

/// The layers of a model. Early versions of Keras store a Sequential as a list alone.
const Json& layers_of(const Json& model) {
  const Json& config = member(model, "config");
  const Json& layers = config.is_array() ? config : member(config, "layers");
  check(layers.is_array() && !layers.empty(), "expected a config with a list of layers, got {}", shown(config));
  return layers;
}

/// Runs `read`. Its errors get the layer as a prefix.
template <class Read>
auto at_layer(const Json& layer, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail_as(error, "layer \"{:.60}\" of class {:.60}: {}", printable(name_of(layer)), printable(class_of(layer)),
            error.what());
  }
}

/// The shape of the input of a layer, with the batch axis, where its config says so; otherwise null.
const Json& batch_shape_of(const Json& layer) {
  const Json& config = member(layer, "config");
  for (const char* name : {"batch_shape", "batch_input_shape"}) {
    if (const Json& shape = member(config, name); !shape.is_null()) return shape;
  }
  if (!is_model(layer)) return member(config, "no shape");
  const Json& first = batch_shape_of(layers_of(layer)[0]);
  return first.is_null() ? member(config, "build_input_shape") : first;
}

/// The InputLayer with whole numbers as its type. In Keras an input of tokens is often declared float32: an Embedding
/// converts what it gets.
Json with_tokens(Json input) {
  input["config"]["dtype"] = "int64";
  return input;
}

/// Whether all readers of an InputLayer are Embeddings.
bool gives_tokens(const KerasCalls& calls, const std::string& input) {
  bool read = false;
  for (const KerasCalls::Called& layer : calls.layers()) {
    for (const KerasCall& call : layer.calls) {
      for (const KerasReference& reference : call.inputs) {
        if (reference.layer != input) continue;
        if (layer.type != "Embedding") return false;
        read = true;
      }
    }
  }
  return read;
}

/// The number of axes of the first input of a layer, with the batch axis; -1 without inputs.
int rank_of(const Tensors& inputs) { return inputs.empty() ? -1 : inputs[0].shape().rank() + 1; }

/// A number, or the numbers of a list: [1, 2], or [[[1, 2]]] with outer axes of one element. None for null.
std::vector<double> numbers_of(const char* option, const Json& json) {
  if (json.is_null()) return {};
  if (json.is_number()) return {json.get<double>()};
  if (class_of(json) == "__numpy__") return numbers_of(option, member(member(json, "config"), "value"));
  check(json.is_array() && !json.empty(), "{}: expected a number or a list of them, got {}", option, shown(json));
  if (json.size() == 1) return numbers_of(option, json[0]);
  std::vector<double> numbers;
  for (const Json& value : json) {
    check(value.is_number(), "{}: expected numbers along the last axis alone, got {}", option, shown(json));
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

/// The number of channels of the only input of a layer.
std::size_t channels_of(const Tensors& inputs) {
  check(inputs.size() == 1 && inputs[0].shape().rank() >= 1, "expected one input with channels, got {}",
        amount(inputs.size(), "input"));
  return static_cast<std::size_t>(inputs[0].shape()[-1].value());
}

/// Error unless there is a number for each channel, or one for all.
void check_count(const char* option, const std::vector<double>& numbers, std::size_t channels) {
  constexpr std::size_t most_channels = 1 << 20;  // one number in the file must not fill the memory
  check(numbers.size() == channels || (numbers.size() == 1 && channels <= most_channels),
        "{}: expected a number for each channel, {} in all, got {}", option, channels, numbers.size());
}

/// The class and the options that stand for Keras 1's Merge.
Json present_merge(const Json& layer) {
  const Json& config = member(layer, "config");
  const std::string mode = text_of(config, "mode");
  const std::map<std::string, Json> classes{
      {"sum", {{"class_name", "Add"}}},
      {"mul", {{"class_name", "Multiply"}}},
      {"ave", {{"class_name", "Average"}}},
      {"max", {{"class_name", "Maximum"}}},
      {"concat", {{"class_name", "Concatenate"}, {"config", {{"axis", member(config, "concat_axis")}}}}},
      {"dot", {{"class_name", "Dot"}, {"config", {{"axes", member(config, "dot_axes")}}}}},
      {"cos", {{"class_name", "Dot"}, {"config", {{"axes", member(config, "dot_axes")}, {"normalize", true}}}}},
  };
  const auto found = classes.find(mode);
  check(found != classes.end(), "mode: expected sum, mul, ave, max, concat, dot or cos, got {}",
        shown(member(config, "mode")));
  Json result = found->second;
  if (!result.contains("config")) result["config"] = Json::object();
  result["name"] = name_of(layer);
  return result;
}

/// A Rescaling with a number for each channel as the Normalization that computes the same.
Json present_rescaling(Json layer, const Tensors& inputs) {
  const auto is_one = [&](const char* name) {
    return member(member(layer, "config"), name).is_null() || member(member(layer, "config"), name).is_number();
  };
  if (is_one("scale") && is_one("offset")) return layer;
  Json& config = layer["config"];
  std::vector<double> scale = numbers_of("scale", member(config, "scale"));
  std::vector<double> offset = numbers_of("offset", member(config, "offset"));
  const std::size_t channels = channels_of(inputs);
  const auto spread = [&](const char* name, std::vector<double>& numbers, double otherwise) {
    if (numbers.empty()) numbers = {otherwise};
    check_count(name, numbers, channels);
    numbers.resize(channels, numbers[0]);
  };
  check(!scale.empty(), "scale: expected a number or a list of them, got null");
  spread("scale", scale, 1);
  spread("offset", offset, 0);
  Json mean = Json::array(), variance = Json::array();
  for (std::size_t i = 0; i < channels; ++i) {
    check(scale[i] >= 1e-6 && scale[i] <= 1e6, "scale: expected numbers from 1e-6 to 1e6, got {}", scale[i]);
    mean.push_back(-offset[i] / scale[i]);
    variance.push_back(1 / (scale[i] * scale[i]));
  }
  config.erase("scale");
  config.erase("offset");
  config["mean"] = mean;
  config["variance"] = variance;
  layer["class_name"] = "Normalization";
  return layer;
}

class KerasReader {
 public:
  explicit KerasReader(const KerasSource& source) : source_(source), left_(source.most_elements) {}

  /// Reads a model. `inputs` are those of its first call, for a Sequential without an input shape.
  KerasGraph model(const Json& json, const Tensors& inputs = {}) {
    KerasGraph graph = class_of(json) == "Sequential" ? sequential(json, inputs) : functional(json);
    if (member(member(json, "config"), "trainable") == false) graph.model.set_trainable(false);
    return graph;
  }

  /// The type that all layers compute in.
  DType dtype() const { return dtype_.value_or(DType::float32); }

 private:
  std::string model_name(const Json& json) {
    std::string name = name_of(json);
    if (name.empty()) name = fmt::format("{}_{}", class_of(json) == "Sequential" ? "sequential" : "model", ++unnamed_);
    return present_name(name);
  }

  /// The name of a layer in xtape, where "/" separates the parts of a path.
  static std::string present_name(std::string name) {
    check_name(name);
    std::ranges::replace(name, '/', '_');
    return name;
  }

  KerasGraph functional(const Json& json) {
    const Json& config = member(json, "config");
    KerasCalls calls(layers_of(json), member(config, "output_layers"));
    std::vector<KerasNode> nodes(calls.layers().size());
    calls.resolve([&](std::size_t layer, const KerasCall& call, const Tensors& inputs) {
      const Json& given = layers_of(json)[layer];
      return at_layer(given, [&] {
        KerasNode& node = nodes[layer];
        const KerasCalls::Called& called = calls.layers()[layer];
        const bool tokens = class_of(given) == "InputLayer" && gives_tokens(calls, called.name);
        const bool custom = source_.custom.contains(class_of(given));
        const bool operation = is_operation(given) && !custom;
        if (operation) {
          check(called.calls.size() == 1, "expected one call of an operation, got {}", called.calls.size());
          std::vector<int> ranks;
          for (const SymbolicTensor& input : inputs) ranks.push_back(input.shape().rank() + 1);
          node = make(layer_of_operation(given, call.constants, ranks), inputs);
        } else if (!node.layer) {
          node = make(tokens ? with_tokens(given) : given, inputs);
        }
        // after the layer is made, which is an Error for a class that xtape does not have
        check(operation || call.constants.empty(),
              "expected a call on outputs of layers, and no argument but a training of true or false, got {}",
              shown(call.constants));
        if (source_.version < 3) check_training(node, call);  // in Keras 3 the mode of the model prevails
        return connect(node, inputs);
      });
    });
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      at_layer(layers_of(json)[i], [&] { check(nodes[i].layer != nullptr, "expected inbound_nodes, got none"); });
    }
    return {{calls.tensors("input_layers", member(config, "input_layers")),
             calls.tensors("output_layers", member(config, "output_layers")),
             {.name = model_name(json)}},
            {std::move(nodes), true}};
  }

  KerasGraph sequential(const Json& json, const Tensors& given) {
    const Json& layers = layers_of(json);
    std::vector<KerasNode> nodes;
    Tensors inputs, x;
    const auto add = [&](const Json& layer, const Tensors& before) {
      return at_layer(layer, [&] {
        nodes.push_back(make(layer, before));
        return connect(nodes.back(), before);
      });
    };
    const Json& first = layers[0];
    if (class_of(first) == "Merge") {
      for (const Json& branch : layers_of(first)) x.push_back(merged(branch, inputs, nodes));
      x = add(first, x);
    } else {
      inputs = x = input_of(json, given);
      if (class_of(first) != "InputLayer") x = add(first, x);
    }
    for (std::size_t i = 1; i < layers.size(); ++i) x = add(layers[i], x);
    return {{inputs, x, {.name = model_name(json)}}, {std::move(nodes), true}};
  }

  /// A model that Keras 1's Merge begins with; its inputs become inputs of the Sequential.
  SymbolicTensor merged(const Json& branch, Tensors& inputs, std::vector<KerasNode>& nodes) {
    return at_layer(branch, [&] {
      check(is_model(branch), "expected a model in the layers of Merge, got another layer");
      const Tensors before = input_of(branch, {});
      nodes.push_back(make(branch, before));
      inputs.insert(inputs.end(), before.begin(), before.end());
      return connect(nodes.back(), before)[0];
    });
  }

  /// The input of a Sequential: an InputLayer, the input shape of its first layer, or what it is called on.
  Tensors input_of(const Json& json, const Tensors& given) {
    const Json &layers = layers_of(json), &first = layers[0];
    const bool has_input = class_of(first) == "InputLayer";
    const Json& shape = batch_shape_of(json);
    if (has_input || !shape.is_null()) {
      const Json made{{"class_name", "InputLayer"},
                      {"config", {{"name", name_of(first) + "_input"}, {"batch_shape", shape}}}};
      const std::size_t reader = has_input ? 1 : 0;
      const bool tokens = reader < layers.size() && class_of(layers[reader]) == "Embedding";
      const Json& input = has_input ? first : made;
      return at_layer(input, [&] { return make(tokens ? with_tokens(input) : input, {}).layer->connect({}); });
    }
    check(given.size() == 1,
          "expected the input shape of a Sequential, got none; call the model on data in Keras and save it again");
    return {Input({.shape = given[0].shape(), .dtype = given[0].dtype(), .name = "input"})};
  }

  Tensors connect(const KerasNode& node, const Tensors& inputs) {
    const auto axes = axes_.find(node.layer.get());
    return connections_.connect(*node.layer, axes == axes_.end() ? KerasAxes::as_they_are : axes->second, inputs);
  }

  /// Makes a layer for its first call.
  KerasNode make(const Json& json, const Tensors& inputs) {
    check(json.is_object() && json.contains("config") && !class_of(json).empty(),
          "expected a layer with class_name and config, got {}", shown(json));
    const Json& shared = member(json, "shared_object_id");
    if (const auto known = shared_.find(shared); known != shared_.end()) return known->second;
    KerasNode node = is_model(json) ? make_model(json, inputs) : make_layer(json, inputs);
    if (!shared.is_null()) shared_.emplace(shared, node);
    return node;
  }

  KerasNode make_model(const Json& json, const Tensors& inputs) {
    KerasGraph inner = model(json, inputs);
    const std::string name = name_of(json);
    return {name.empty() ? inner.model.name() : name, class_of(json) == "Sequential" ? "sequential" : "functional",
            inner.model.definition(), std::move(inner.nodes.layers)};
  }

  KerasNode make_layer(const Json& given, const Tensors& inputs) {
    const std::string given_type = class_of(given);
    const bool custom = source_.custom.contains(given_type);
    const bool normalized = given_type == "SpectralNormalization" && !custom;
    const Json json = given_type == "Merge"                  ? present_merge(given)
                      : given_type == "Rescaling" && !custom ? present_rescaling(given, inputs)
                      : normalized                           ? inside_norm(given)
                                                             : given;
    const std::string type = present_class(class_of(json)), name = name_of(json);
    check_class(type);
    Json config = json.at("config");
    check(config.is_object(), "config: expected an object, got {}", shown(config));
    check(!name.empty(), "name: expected a name, got none");
    if (type != "InputLayer") read_dtype(member(config, "dtype"));
    const KerasAxes axes = source_.version < 2 || source_.custom.contains(type)
                               ? KerasAxes::as_they_are
                               : axes_of_config(type, config, rank_of(inputs));
    auto layer = made_by_factory(type, config, inputs, normalized);
    axes_.emplace(layer.get(), axes);
    layer->rename(present_name(name));
    const Json& trainable = member(config, "trainable");
    check(trainable.is_null() || trainable.is_boolean(), "trainable: expected true or false, got {}", shown(trainable));
    layer->set_trainable(trainable != false);
    KerasNode node{name, snake_case(given_type), layer, {}, normalized};
    if (type == "Normalization" && !source_.custom.contains(type)) node.given = statistics(config, inputs);
    layer->give_values([this, given = node.given](const std::string& path, const ParameterSpec& spec) {
      return given.contains(path) ? Tensor::zeros(spec.shape) : blank(path, spec);
    });
    return node;
  }

  /// Mean and variance of a Normalization that has them among its options; otherwise they are weights.
  static std::map<std::string, std::vector<double>> statistics(const Json& config, const Tensors& inputs) {
    std::map<std::string, std::vector<double>> given;
    for (const char* name : {"mean", "variance"}) {
      std::vector<double> numbers = numbers_of(name, member(config, name));
      if (numbers.empty()) continue;
      const std::size_t channels = channels_of(inputs);
      check_count(name, numbers, channels);
      numbers.resize(channels, numbers[0]);
      given.emplace(name, std::move(numbers));
    }
    check(given.size() != 1, "expected both mean and variance, got one of them");
    if (given.empty()) return given;
    for (const double variance : given.at("variance")) {
      check(variance >= 0, "variance: expected numbers of at least 0, got {}", variance);
    }
    return given;
  }

  /// The layer in a SpectralNormalization, with the name of the wrapper.
  static Json inside_norm(const Json& given) {
    Json json = member(member(given, "config"), "layer");
    check(json.is_object() && member(json, "config").is_object() && class_of(json) != "SpectralNormalization",
          "layer: expected a layer with a kernel, got {}", shown(json));
    Json config = json.at("config");
    check(member(config, "kernel_constraint").is_null(),
          "kernel_constraint: expected none inside of SpectralNormalization, got {}",
          shown(member(config, "kernel_constraint")));
    if (member(member(given, "config"), "trainable") == false) config["trainable"] = false;
    config["name"] = name_of(given);
    json["config"] = config;
    json["name"] = name_of(given);
    return json;
  }

  void check_class(const std::string& type) const {
    if (source_.custom.contains(type) || is_keras_class(type)) return;
    fail(
        "expected a layer that xtape has, got one that it lacks; replace it in Keras, or give a factory in "
        "LoadKerasModelOptions::custom_layers");
  }

  std::shared_ptr<Layer> made_by_factory(const std::string& type, const Json& config, const Tensors& inputs,
                                         bool normalized) const {
    const auto custom = source_.custom.find(type);
    if (custom == source_.custom.end()) {
      const KerasContext context{source_.version, rank_of(inputs)};
      LayerConfig options = options_from_keras(type, config, context);
      if (normalized) {
        std::erase_if(options.fields, [](const ConfigField& field) { return field.name == "kernel_constraint"; });
        options.fields.push_back({"kernel_constraint", to_config(spectral_norm())});
      }
      try {
        return builtin_.at(type)(options);
      } catch (const Error& error) {
        fail_as(error, "{}; xtape's {} has nothing else, so change the layer in Keras and save the model again",
                error.what(), type);
      }
    }
    Json options = config;
    for (const char* name : {"name", "trainable", "dtype"}) options.erase(name);
    auto made = custom->second ? custom->second(config_from_json(options)) : nullptr;
    check(made != nullptr, "expected custom_layers to make a {}, got nothing", type);
    return made;
  }

  /// Error unless all layers have the same type, float32 or float64.
  void read_dtype(const Json& given) {
    const Json& name = given.is_object() ? member(member(given, "config"), "name") : given;
    if (name.is_null()) return;
    check(name == "float32" || name == "float64",
          "dtype: expected float32 or float64, got {}; set the policy of the model to float32 in Keras and save it "
          "again",
          shown(name));
    const DType dtype = name == "float32" ? DType::float32 : DType::float64;
    if (!dtype_) dtype_ = dtype;
    check(*dtype_ == dtype, "dtype: expected {} as in the layers before, got {}; a model computes in one type", *dtype_,
          dtype);
  }

  /// The value of a parameter until the weights are read. Memory is allocated only for values that the file can hold.
  Tensor blank(const std::string& path, const ParameterSpec& spec) {
    const Shape shape = spec.shape;
    check(shape.size() <= left_, "{}: expected parameters whose values are in the file, got one more of shape {}", path,
          shape);
    left_ -= shape.size();
    return Tensor::zeros(shape);
  }

  const KerasSource& source_;
  std::int64_t left_;
  int unnamed_ = 0;
  std::optional<DType> dtype_;
  std::map<Json, KerasNode> shared_;  // by shared_object_id
  std::map<const Layer*, KerasAxes> axes_;
  KerasConnections connections_;
  const std::map<std::string, LayerFactory> builtin_ = builtin_layers();
};

}  // namespace

KerasGraph graph_from_keras(const Json& json, const KerasSource& source) {
  check(is_model(json), "expected a Functional, Model or Sequential, got a class {:.60}; a subclass is code of Keras",
        printable(class_of(json)));
  try {
    KerasReader reader(source);
    KerasGraph graph = reader.model(json);
    graph.model.convert(reader.dtype());
    return graph;
  } catch (const Json::exception& error) {
    fail("expected a config of Keras, got JSON of another form: {:.200}", error.what());
  }
}

}  // namespace xtape
