#include "models/files/keras/keras_padding.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "models/files/config_json.hpp"
#include "models/files/graph_json.hpp"
#include "models/files/keras/keras_classes.hpp"

namespace xtape {
namespace {

/// Layers whose padding consists of zeros. (Poolings ignore the padding; that of a transposed convolution is cut off
/// its output.)
bool pads_with_zeros(const std::string& type) {
  static const std::set<std::string> types{"Conv1D",          "Conv2D",          "Conv3D",         "DepthwiseConv1D",
                                           "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"};
  return types.contains(type);
}

bool has_amounts(const Layer& layer) {
  if (!pads_with_zeros(layer.type())) return false;
  const LayerConfig config = layer.config();
  const ConfigValue* padding = find_field(config, "padding");
  return padding && std::holds_alternative<std::vector<std::int64_t>>(*padding);
}

bool has_amounts(const Json& layer) {
  return pads_with_zeros(layer.at("class_name").get<std::string>()) && layer.at("config").at("padding").is_array();
}

/// Gives the convolutions of a graph of save_model() layers for their padding. Nodes get new numbers.
void split_graph(Json& graph) {
  std::set<std::string> names;
  for (const Json& layer : graph.at("layers")) names.insert(layer.at("name").get<std::string>());
  std::map<std::string, std::string> paddings;  // by the name of the convolution
  Json layers = Json::array();
  for (Json& layer : graph.at("layers")) {
    if (layer.at("class_name") == "Model") split_graph(layer.at("config"));
    if (has_amounts(layer)) {
      const auto convolution = layer.at("name").get<std::string>();
      std::string name = convolution + "_padding";
      while (!names.insert(name).second) name += "_1";
      Json& amounts = layer.at("config").at("padding");
      layers.push_back({{"class_name", fmt::format("ZeroPadding{}D", amounts.size() / 2)},
                        {"name", name},
                        {"trainable", true},
                        {"config", {{"padding", amounts}}}});
      amounts = "valid";
      paddings.emplace(convolution, name);
    }
    layers.push_back(layer);
  }
  graph["layers"] = layers;
  Json nodes = Json::array();
  std::vector<std::size_t> numbers;  // by the old number
  const auto renumber = [&](Json& value) {
    Json& number = value.is_array() ? value.at(0) : value;
    number = numbers.at(number.get<std::size_t>());
  };
  for (Json node : graph.at("nodes")) {
    for (Json& input : node.at("inputs")) renumber(input);
    const auto padding = paddings.find(node.at("layer").get<std::string>());
    if (padding != paddings.end()) {
      nodes.push_back({{"layer", padding->second}, {"inputs", node.at("inputs")}});
      node["inputs"] = Json::array({nodes.size() - 1});
    }
    numbers.push_back(nodes.size());
    nodes.push_back(node);
  }
  graph["nodes"] = nodes;
  for (const char* ends : {"inputs", "outputs"}) {
    for (Json& value : graph.at(ends)) renumber(value);
  }
}

}  // namespace

Model with_padding_layers(const Model& model) {
  const std::vector<std::shared_ptr<Layer>> layers = model.all_layers();
  if (std::ranges::none_of(layers, [](const auto& layer) { return has_amounts(*layer); })) return model;
  for (const auto& layer : layers) {
    check(Model::from_layer(layer) || is_keras_class(layer->type()),
          "layer {} of class {}: expected a layer that Keras has, got one that it lacks", layer->name(), layer->type());
  }
  Json json = parse_json(graph_to_json(model));
  split_graph(json.at("config"));
  std::map<std::string, Tensor> values;
  for (const auto& [path, parameter] : model.named_parameters()) values.emplace(path, parameter.value());
  return graph_from_json(json.dump(), {},
                         [&](const std::string& path, const ParameterSpec&) { return values.at(path); });
}

}  // namespace xtape
