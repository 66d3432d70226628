#include "models/keras_names.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace xtape {
namespace {

using Layers = std::vector<std::shared_ptr<Layer>>;

/// For each layer, how many were met before it going back from the outputs, depth first.
std::map<const Layer*, std::size_t> traversal(const Model::Network& network) {
  std::map<const Layer*, std::size_t> met;
  std::vector<bool> visited(network.nodes().size(), false);
  std::vector<std::size_t> pending(network.output_nodes().rbegin(), network.output_nodes().rend());
  while (!pending.empty()) {
    const std::size_t node = pending.back();
    pending.pop_back();
    if (visited[node]) continue;
    visited[node] = true;
    met.emplace(network.nodes()[node].layer.get(), met.size());
    const auto& inputs = network.nodes()[node].inputs;
    pending.insert(pending.end(), inputs.rbegin(), inputs.rend());
  }
  return met;
}

/// For each layer, how many calls at most lie between it and an output.
std::map<const Layer*, std::size_t> depths(const Model::Network& network) {
  const std::vector<ModelNode>& nodes = network.nodes();
  std::map<const Layer*, std::size_t> deepest;
  std::vector<std::size_t> depth(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    std::size_t& of_layer = deepest[nodes[i].layer.get()];
    depth[i] = of_layer = std::max(depth[i], of_layer);
    for (const std::size_t input : nodes[i].inputs) depth[input] = std::max(depth[input], depth[i] + 1);
  }
  return deepest;
}

Layers ordered_layers(const Model::Network& network) {
  auto met = traversal(network);
  auto depth = depths(network);
  Layers layers = network.sublayers();
  std::ranges::stable_sort(layers, [&](const auto& a, const auto& b) {
    const std::size_t deep_a = depth[a.get()], deep_b = depth[b.get()];
    return deep_a != deep_b ? deep_a > deep_b : met[a.get()] < met[b.get()];
  });
  return layers;
}

/// A layer's parameters under `prefix`, those that are trained first; of a model those of its layers in Keras's order.
NamedParameters weights_of(const Layer& layer, const std::string& prefix) {
  NamedParameters weights;
  if (const auto* network = dynamic_cast<const Model::Network*>(&layer)) {
    for (const auto& inner : ordered_layers(*network)) {
      const NamedParameters own = weights_of(*inner, prefix + inner->name() + "/");
      weights.insert(weights.end(), own.begin(), own.end());
    }
  } else {
    for (const auto& [name, parameter] : layer.named_parameters()) weights.emplace_back(prefix + name, parameter);
  }
  std::stable_partition(weights.begin(), weights.end(), [](const auto& entry) { return entry.second.trainable(); });
  return weights;
}

/// Calls visit(group, layer) for every layer that is no model, with the group in which Keras 3 keeps it.
void visit_keras3(const Model::Network& network, const std::string& prefix,
                  const std::function<void(const std::string&, const Layer&)>& visit) {
  std::map<std::string, int> counts;
  for (const auto& layer : ordered_layers(network)) {
    const auto* inner = dynamic_cast<const Model::Network*>(layer.get());
    const std::string kind = inner ? "functional" : snake_case(layer->type());
    const int number = counts[kind]++;
    const std::string group = prefix + "layers/" + (number == 0 ? kind : fmt::format("{}_{}", kind, number)) + "/";
    visit(group + "vars", *layer);
    if (inner) visit_keras3(*inner, group, visit);
  }
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The text without what a last `separator` and a number behind it add.
std::string without_number(const std::string& text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at != std::string::npos && is_number(std::string_view(text).substr(at + 1)) ? text.substr(0, at) : text;
}

}  // namespace

std::vector<KerasLayer> keras_layers(const Model& model) {
  std::vector<KerasLayer> result;
  for (const auto& layer : ordered_layers(model.network())) {
    result.push_back({layer, weights_of(*layer, layer->name() + "/")});
  }
  return result;
}

NamedParameters keras3_parameters(const Model& model) {
  NamedParameters result;
  visit_keras3(model.network(), "", [&](const std::string& group, const Layer& layer) {
    if (dynamic_cast<const Model::Network*>(&layer)) return;
    int number = 0;
    for (const auto& [name, parameter] : weights_of(layer, "")) {
      result.emplace_back(fmt::format("{}/{}", group, number++), parameter);
    }
  });
  return result;
}

std::vector<std::pair<std::string, std::string>> keras3_groups(const Model& model) {
  std::vector<std::pair<std::string, std::string>> groups{{"vars", model.name()}};
  visit_keras3(model.network(), "",
               [&](const std::string& group, const Layer& layer) { groups.emplace_back(group, layer.name()); });
  return groups;
}

std::string keras_weight_path(const std::string& layer, const std::string& weight) {
  std::vector<std::string> parts = split(without_number(weight, ':'));
  std::string& last = parts.back();
  if (parts.size() == 1) {  // Keras 1: "conv1_W_1", "bn_conv1_running_mean_1"
    if (last.starts_with(layer + "_")) last.erase(0, layer.size() + 1);
    last = without_number(last, '_');
  } else if (without_number(parts[0], '_') == layer || parts[0] == layer) {
    parts.erase(parts.begin());
  }
  static const std::map<std::string, std::string> keras1{
      {"W", "kernel"}, {"b", "bias"}, {"running_mean", "moving_mean"}, {"running_std", "moving_variance"}};
  const auto renamed = keras1.find(parts.back());
  if (renamed != keras1.end()) parts.back() = renamed->second;  // its running_std held the variance
  return fmt::format("{}/{}", layer, fmt::join(parts, "/"));
}

}  // namespace xtape
