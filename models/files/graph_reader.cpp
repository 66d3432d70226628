#include <algorithm>

#include "framework/io/utf8.hpp"
#include "models/files/config_json.hpp"
#include "models/files/graph_json.hpp"

namespace xtape {
namespace {

/// Runs `read`. Its errors get the position in the graph as a prefix.
template <class Read>
auto at_place(const std::string& place, Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    fail_as(error, "{}: {}", place, error.what());
  }
}

[[noreturn]] void reject(std::string_view field, std::string_view expected, const Json& given) {
  fail("{}expected {}, got {:.60}", field.empty() ? "" : fmt::format("{}: ", field), expected, given.dump());
}

/// Error unless `json` is an object with these fields and no others except the optional ones.
void check_fields(const Json& json, std::vector<std::string> fields, const std::vector<std::string>& optional = {}) {
  if (!json.is_object()) reject("", "an object", json);
  for (const std::string& field : fields) check(json.contains(field), "{}: expected a value, got none", field);
  fields.insert(fields.end(), optional.begin(), optional.end());
  for (const auto& [name, value] : json.items()) {
    check(std::ranges::find(fields, name) != fields.end(), "expected the fields {}, got \"{:.60}\"",
          fmt::join(fields, ", "), name);
  }
}

const Json& list_at(const Json& json, const char* field) {
  const Json& list = json.at(field);
  if (!list.is_array()) reject(field, "a list", list);
  return list;
}

std::string text_at(const Json& json, const char* field) {
  const Json& text = json.at(field);
  if (!text.is_string() || text.get<std::string>().empty()) reject(field, "a text", text);
  return at_place(field, [&] {
    check_name(text.get<std::string>());
    return text.get<std::string>();
  });
}

/// The position of a layer for messages: "layers[3] (Conv2D conv1)", with the parts that the file has.
std::string place_of_layer(std::size_t number, const Json& json) {
  const auto text = [&](const char* field) {
    if (!json.is_object() || !json.contains(field) || !json.at(field).is_string()) return std::string("?");
    std::string shown = json.at(field).get<std::string>();
    std::ranges::replace_if(
        shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return shown;
  };
  return fmt::format("layers[{}] ({:.60} {:.60})", number, text("class_name"), text("name"));
}

using NodeTensors = std::vector<std::vector<SymbolicTensor>>;  // the outputs of each node

bool is_below(const Json& number, std::size_t end) {
  return number.is_number_unsigned() && number.get<std::uint64_t>() < end;
}

/// The tensors of a list of node numbers or of [node, output]. Error unless they precede the node that reads them.
std::vector<SymbolicTensor> tensors_at(const Json& json, const char* field, const NodeTensors& before) {
  std::vector<SymbolicTensor> tensors;
  for (const Json& value : list_at(json, field)) {
    const bool is_pair = value.is_array() && value.size() == 2;
    const Json& number = is_pair ? value[0] : value;
    if (!is_below(number, before.size())) {
      reject(field, fmt::format("numbers of nodes below {}", before.size()), value);
    }
    const std::vector<SymbolicTensor>& outputs = before[number.get<std::size_t>()];
    if (!is_pair && outputs.size() != 1) reject(field, "[node, output] for a node of several outputs", value);
    if (is_pair && !is_below(value[1], outputs.size())) {
      reject(field, fmt::format("[node, output] with an output below {}", outputs.size()), value);
    }
    tensors.push_back(outputs[is_pair ? value[1].get<std::size_t>() : 0]);
  }
  return tensors;
}

using LayersByPath = std::map<std::string, std::shared_ptr<Layer>>;  // a layer precedes its inner layers

void add_inside(const Layer& layer, const std::string& path, LayersByPath& found) {
  for (const auto& [name, inner] : layer.sublayers()) {
    found.emplace(path + name, inner);
    add_inside(*inner, path + name + "/", found);
  }
}

/// Freezes the inner layers whose paths are in the list, and no others.
void freeze_inside(const Layer& layer, const Json& frozen) {
  LayersByPath inside;
  add_inside(layer, "", inside);
  for (const Json& path : frozen) {
    if (!path.is_string() || !inside.contains(path.get<std::string>())) {
      reject("frozen", "the path of a layer inside", path);
    }
  }
  for (const auto& [path, inner] : inside) inner->set_trainable(std::ranges::find(frozen, Json(path)) == frozen.end());
}

/// Sets the flags of single parameters of a layer and of those inside, which are given by their paths.
void set_separately(const Layer& layer, const Json& flags) {
  check(flags.is_object(), "trainable_parameters: expected an object, got {:.60}", flags.dump());
  const auto named = layer.named_parameters();
  const std::map<std::string, Parameter> all(named.begin(), named.end());
  for (const auto& [path, flag] : flags.items()) {
    const auto found = all.find(path);
    check(found != all.end() && flag.is_boolean(),
          "trainable_parameters: expected paths of parameters, each with true or false, got {:.60} with {:.60}",
          visible(path), flag.dump());
    found->second.set_trainable(flag.get<bool>());
  }
}

const std::vector<std::string> no_fields;
const std::vector<std::string> model_fields{"class_name", "name", "config"};
const std::vector<std::string> layer_fields{"class_name", "name", "trainable", "config"};

class GraphReader {
 public:
  GraphReader(const LoadModelOptions& options, const ValueOfPath& value_of) : value_of_(value_of) {
    for (const auto& [type, factory] : options.custom_layers) {
      check(factory && type != "Model" && factories_.emplace(type, factory).second,
            "custom_layers: expected the names and factories of classes that are not xtape's, got {}", visible(type));
    }
  }

  /// Reads a model; `path` is the prefix of the paths of its parameters.
  Model model(const Json& json, const std::string& name, const std::string& path) {
    check_fields(json, {"layers", "nodes", "inputs", "outputs"});
    std::map<std::string, std::shared_ptr<Layer>> layers;
    for (const Json& description : list_at(json, "layers")) {
      at_place(place_of_layer(layers.size(), description), [&] {
        const auto made = layer(description, path);
        check(layers.emplace(made->name(), made).second, "name: expected layers with different names, got {:.60} twice",
              made->name());
      });
    }
    NodeTensors nodes;
    std::map<std::string, int> calls;
    for (const Json& description : list_at(json, "nodes")) {
      at_place(fmt::format("nodes[{}]", nodes.size()), [&] {
        check_fields(description, {"layer", "inputs"});
        const std::string layer_name = text_at(description, "layer");
        const auto found = layers.find(layer_name);
        check(found != layers.end(), "layer: expected the name of a layer of the graph, got {:.60}",
              visible(layer_name));
        const auto inputs = tensors_at(description, "inputs", nodes);
        nodes.push_back(calls[layer_name]++ == 0 ? first_call(*found->second, inputs, path)
                                                 : found->second->connect(inputs));
      });
    }
    for (std::size_t i = 0; i < json.at("layers").size(); ++i) {
      const Json& description = json.at("layers")[i];
      at_place(place_of_layer(i, description), [&] {
        const Layer& made = *layers.at(text_at(description, "name"));
        if (description.contains("frozen")) freeze_inside(made, list_at(description, "frozen"));
        if (description.contains("trainable_parameters")) set_separately(made, description["trainable_parameters"]);
      });
    }
    for (const auto& [layer_name, made] : layers) {
      check(calls.contains(layer_name), "nodes: expected a call of every layer, got none of {}", layer_name);
    }
    return {tensors_at(json, "inputs", nodes), tensors_at(json, "outputs", nodes), {.name = name}};
  }

 private:
  std::vector<SymbolicTensor> first_call(Layer& layer, const std::vector<SymbolicTensor>& inputs,
                                         const std::string& path) {
    if (layer.type() != "Model") {
      layer.give_values([&, prefix = path + layer.name() + "/"](const std::string& name, const ParameterSpec& spec) {
        return value_of_(prefix + name, spec);
      });
    }
    return layer.connect(inputs);
  }

  std::shared_ptr<Layer> layer(const Json& json, const std::string& path) {
    const bool is_model = json.is_object() && json.contains("class_name") && json.at("class_name") == "Model";
    check_fields(json, is_model ? model_fields : layer_fields,
                 is_model ? no_fields : std::vector<std::string>{"frozen", "trainable_parameters"});
    const std::string type = text_at(json, "class_name"), name = text_at(json, "name");
    if (is_model) return model(json.at("config"), name, path + name + "/").definition();
    const Json& trainable = json.at("trainable");
    if (!trainable.is_boolean()) reject("trainable", "true or false", trainable);
    auto made = made_by_factory(type, config_from_json(json.at("config")));
    made->rename(name);
    made->set_trainable(trainable.get<bool>());
    return made;
  }

  std::shared_ptr<Layer> made_by_factory(const std::string& type, const LayerConfig& config) {
    const auto factory = factories_.find(type);
    check(factory != factories_.end(),
          "class_name: expected a layer of xtape's or one in the custom_layers of the options (LoadModelOptions, "
          "CloneOptions), got {:.60}",
          visible(type));
    auto made = factory->second(config);
    check(made && made->type() == type, "expected custom_layers to make a {}, got {}", type,
          made ? visible(made->type()) : "nothing");
    return made;
  }

  std::map<std::string, LayerFactory> factories_ = builtin_layers();
  const ValueOfPath& value_of_;
};

}  // namespace

Model graph_from_json(const std::string& text, const LoadModelOptions& options, const ValueOfPath& value_of) {
  const Json json = parse_json(text);
  check_fields(json, model_fields);
  if (json.at("class_name") != "Model") reject("class_name", "\"Model\"", json.at("class_name"));
  if (!json.at("name").is_string()) reject("name", "a text", json.at("name"));
  at_place("name", [&] { check_name(json.at("name").get<std::string>()); });
  return GraphReader(options, value_of).model(json.at("config"), json.at("name").get<std::string>(), "");
}

}  // namespace xtape
