#include <algorithm>
#include <set>

#include "models/files/config_json.hpp"
#include "models/files/graph_json.hpp"

namespace xtape {
namespace {

using WrittenLayers = std::set<const Layer*>;

Json graph_of(const Model& model, WrittenLayers& written);

/// The paths of the frozen layers inside a layer that is not a model.
void add_frozen(const Layer& layer, const std::string& path, Json& frozen) {
  for (const auto& [name, inner] : layer.sublayers()) {
    if (!Model::from_layer(inner) && !inner->trainable()) frozen.push_back(path + name);
    add_frozen(*inner, path + name + "/", frozen);
  }
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

Json layer_of(const std::shared_ptr<Layer>& layer, WrittenLayers& written) {
  check(written.insert(layer.get()).second || layer->named_parameters().empty(),
        "layer {}: expected a layer with parameters in one model alone, got one that is in a model and in another that "
        "is a layer of it; what they share would be lost",
        layer->name());
  const std::optional<Model> inner = Model::from_layer(layer);
  Json json = {{"class_name", layer->type()}, {"name", layer->name()}};
  if (inner) {
    json["config"] = graph_of(*inner, written);
    return json;
  }
  json["trainable"] = layer->trainable();
  if (!layer->sublayers().empty()) {
    json["frozen"] = Json::array();
    add_frozen(*layer, "", json["frozen"]);
  }
  try {
    json["config"] = config_to_json(layer->config());
  } catch (const Error& error) {
    fail("layer {}: {}", layer->name(), error.what());
  }
  return json;
}

Json graph_of(const Model& model, WrittenLayers& written) {
  Json layers = Json::array(), nodes = Json::array();
  WrittenLayers known;
  for (const ModelNode& node : model.nodes()) {
    if (known.insert(node.layer.get()).second) layers.push_back(layer_of(node.layer, written));
    nodes.push_back({{"layer", node.layer->name()}, {"inputs", values_of(model, node.inputs)}});
  }
  return {{"layers", layers},
          {"nodes", nodes},
          {"inputs", model.input_nodes()},
          {"outputs", values_of(model, model.output_nodes())}};
}

}  // namespace

std::string graph_to_json(const Model& model) {
  try {
    WrittenLayers written;
    return layer_of(model.definition(), written).dump();
  } catch (const Json::exception& error) {
    fail("expected names in UTF-8, got: {:.200}", error.what());
  }
}

}  // namespace xtape
