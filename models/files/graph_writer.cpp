#include <algorithm>
#include <map>
#include <set>
#include <typeinfo>

#include "framework/io/utf8.hpp"
#include "layers/graph/builtin_layers.hpp"
#include "models/files/config_json.hpp"
#include "models/files/graph_json.hpp"

namespace xtape {
namespace {

/// The paths of the frozen layers inside a layer that is not a model.
void add_frozen(const Layer& layer, const std::string& path, Json& frozen) {
  for (const auto& [name, inner] : layer.sublayers()) {
    if (!Model::from_layer(inner) && !inner->trainable()) frozen.push_back(path + name);
    add_frozen(*inner, path + name + "/", frozen);
  }
}

/// The trainable flags of parameters that were set apart from those of their layers, by path.
void add_separate(const Layer& layer, const std::string& path, Json& flags) {
  for (const auto& [name, parameter] : layer.separately_trainable()) flags[path + name] = parameter.trainable();
  for (const auto& [name, inner] : layer.sublayers()) add_separate(*inner, path + name + "/", flags);
}

/// The number of a node, or [number, output] when the node has several outputs.
Json value_of(const Model& model, NodeOutput value) {
  if (model.nodes()[value.node].outputs.size() == 1) return value.node;
  return {value.node, value.output};
}

Json values_of(const Model& model, const std::vector<NodeOutput>& values) {
  Json list = Json::array();
  for (const NodeOutput& value : values) list.push_back(value_of(model, value));
  return list;
}

/// Error when an integer of the options is outside of the range that a reader accepts.
void check_range(const LayerConfig& config) {
  const auto check_one = [](const std::string& name, std::int64_t value) {
    check(value >= -most_in_config && value <= most_in_config, "{}: expected an integer from -{} to {}, got {}", name,
          most_in_config, most_in_config, value);
  };
  for (const auto& [name, value] : config.fields) {
    if (const auto* one = std::get_if<std::int64_t>(&value)) check_one(name, *one);
    if (const auto* all = std::get_if<std::vector<std::int64_t>>(&value)) {
      for (const std::int64_t number : *all) check_one(name, number);
    }
    if (const auto* inner = std::get_if<LayerConfig>(&value)) check_range(*inner);
  }
}

/// Writes the layer graph, for a reader or only to be compared.
class GraphWriter {
 public:
  explicit GraphWriter(bool for_reader) : for_reader_(for_reader) {
    if (for_reader) builtin_ = builtin_layers();
  }

  Json layer_of(const std::shared_ptr<Layer>& layer) {
    check(written_.insert(layer.get()).second || layer->named_parameters().empty(),
          "layer {}: expected a layer with parameters in one model alone, got one that is in a model and in another "
          "that is a layer of it; what they share would be lost",
          layer->name());
    const std::optional<Model> inner = Model::from_layer(layer);
    Json json = {{"class_name", layer->type()}, {"name", layer->name()}};
    if (inner) {
      json["config"] = graph_of(*inner);
      return json;
    }
    json["trainable"] = layer->trainable();
    if (!layer->sublayers().empty()) {
      json["frozen"] = Json::array();
      add_frozen(*layer, "", json["frozen"]);
    }
    Json flags = Json::object();
    if (for_reader_) add_separate(*layer, "", flags);
    if (!flags.empty()) json["trainable_parameters"] = std::move(flags);
    try {
      const LayerConfig config = layer->config();
      json["config"] = config_to_json(config);
      if (for_reader_) check_readable(*layer, config);
    } catch (const Error& error) {
      fail_as(error, "layer {}: {}", layer->name(), error.what());
    }
    return json;
  }

 private:
  Json graph_of(const Model& model) {
    Json layers = Json::array(), nodes = Json::array();
    std::set<const Layer*> known;
    for (const ModelNode& node : model.nodes()) {
      if (known.insert(node.layer.get()).second) layers.push_back(layer_of(node.layer));
      nodes.push_back({{"layer", node.layer->name()}, {"inputs", values_of(model, node.inputs)}});
    }
    return {{"layers", layers},
            {"nodes", nodes},
            {"inputs", model.input_nodes()},
            {"outputs", values_of(model, model.output_nodes())}};
  }

  /// Error unless a reader accepts the options, and makes a layer of this class from the type.
  void check_readable(const Layer& layer, const LayerConfig& config) const {
    check_range(config);
    const std::string type = layer.type();
    check(!type.empty(), "expected a type(), got an empty one");
    const auto builtin = builtin_.find(type);
    bool names_another = type == "Model";
    if (builtin != builtin_.end()) {
      try {
        const std::shared_ptr<Layer> made = builtin->second(config);
        const Layer& same = *made;
        names_another = typeid(same) != typeid(layer);
      } catch (const Error& error) {
        fail_as(error, "expected options of xtape's {}, because type() names it, got: {}", type, error.what());
      }
    }
    check(!names_another, "expected a type() that no layer of xtape has, got {}", type);
  }

  const bool for_reader_;
  std::set<const Layer*> written_;
  std::map<std::string, LayerFactory> builtin_;
};

}  // namespace

std::string graph_to_json(const Model& model) {
  try {
    std::string text = GraphWriter(true).layer_of(model.definition()).dump();
    parse_json(text);  // has limits
    return text;
  } catch (const Json::exception& error) {
    fail("expected names in UTF-8, got: {:.200}", error.what());
  }
}

std::string graph_text(const Model& model) {
  return GraphWriter(false).layer_of(model.definition()).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace xtape
