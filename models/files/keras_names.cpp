#include "models/files/keras_names.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <unordered_set>

#include "framework/io/extension.hpp"

namespace xtape {
namespace {

using Layers = std::vector<std::shared_ptr<Layer>>;

/// The number of each layer in a depth-first traversal from the outputs to the inputs.
std::map<const Layer*, std::size_t> traversal(const Model::Network& network) {
  std::map<const Layer*, std::size_t> met;
  std::vector<bool> visited(network.nodes().size(), false);
  std::vector<std::size_t> pending;
  const auto add = [&](const std::vector<NodeOutput>& values) {
    for (auto value = values.rbegin(); value != values.rend(); ++value) pending.push_back(value->node);
  };
  add(network.output_nodes());
  while (!pending.empty()) {
    const std::size_t node = pending.back();
    pending.pop_back();
    if (visited[node]) continue;
    visited[node] = true;
    met.emplace(network.nodes()[node].layer.get(), met.size());
    add(network.nodes()[node].inputs);
  }
  return met;
}

/// The distance of each layer: the largest number of calls between it and an output.
std::map<const Layer*, std::size_t> depths(const Model::Network& network) {
  const std::vector<ModelNode>& nodes = network.nodes();
  std::map<const Layer*, std::size_t> deepest;
  std::vector<std::size_t> depth(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    std::size_t& of_layer = deepest[nodes[i].layer.get()];
    depth[i] = of_layer = std::max(depth[i], of_layer);
    for (const NodeOutput& input : nodes[i].inputs) depth[input.node] = std::max(depth[input.node], depth[i] + 1);
  }
  return deepest;
}

Layers ordered_layers(const Model::Network& network) {
  auto met = traversal(network);
  auto depth = depths(network);
  Layers layers;
  for (const Sublayer& inner : network.sublayers()) layers.push_back(inner.layer);
  std::ranges::stable_sort(layers, [&](const auto& a, const auto& b) {
    const std::size_t deep_a = depth[a.get()], deep_b = depth[b.get()];
    return deep_a != deep_b ? deep_a > deep_b : met[a.get()] < met[b.get()];
  });
  return layers;
}

std::vector<KerasNode> nodes_of(const Model::Network& network) {
  std::vector<KerasNode> nodes;
  for (const auto& layer : ordered_layers(network)) {
    const auto* inner = dynamic_cast<const Model::Network*>(layer.get());
    nodes.push_back({layer->name(), inner ? "functional" : snake_case(layer->type()), layer, {}, false});
    if (inner) nodes.back().inner = nodes_of(*inner);
  }
  return nodes;
}

/// The parameters of a layer and of those inside whose flags were set apart from those of their layers. Keras's order
/// depends on the flags of layers alone.
std::unordered_set<Parameter> set_apart(const Layer& layer) {
  std::unordered_set<Parameter> apart;
  const auto add = [&](const Layer& one) {
    for (const auto& [name, parameter] : one.separately_trainable()) apart.insert(parameter);
  };
  add(layer);
  for (const auto& inner : layer.all_sublayers()) add(*inner);
  return apart;
}

/// The weights of a layer in the order of Keras, with paths below `prefix`, trained weights first; for a model, the
/// weights of its layers in the order of Keras.
NamedParameters weights_of(const KerasNode& node, const std::string& prefix) {
  NamedParameters weights;
  const Layer& layer = *node.layer;
  if (dynamic_cast<const Model::Network*>(&layer)) {
    for (const KerasNode& inner : node.inner) {
      const NamedParameters own = weights_of(inner, prefix + inner.layer->name() + "/");
      weights.insert(weights.end(), own.begin(), own.end());
    }
  } else {
    for (const auto& [name, parameter] : layer.named_parameters()) weights.emplace_back(prefix + name, parameter);
    if (layer.type() == "Normalization") {
      weights.emplace_back(prefix + "count", Parameter("count", Tensor::zeros({}, DType::int64), false));
    }
  }
  std::stable_partition(weights.begin(), weights.end(), [apart = set_apart(layer)](const auto& entry) {
    return entry.second.trainable() != apart.contains(entry.second);
  });
  return weights;
}

/// The numbering of layers in a layout: the group that lists the layers, and how many numbers a layer with weights
/// uses.
struct Numbering {
  std::string list = "layers";
  int with_weights = 1;
};

/// Calls visit(group, node) for each layer, with the group that Keras 3 stores it in.
void visit_keras3(const std::vector<KerasNode>& nodes, const std::string& prefix, const Numbering& numbering,
                  const std::function<void(const std::string&, const KerasNode&)>& visit) {
  std::map<std::string, int> counts;
  for (const KerasNode& node : nodes) {
    const int number = counts[node.kind];
    counts[node.kind] += node.layer->named_parameters().empty() ? 1 : numbering.with_weights;
    const std::string name = number == 0 ? node.kind : fmt::format("{}_{}", node.kind, number);
    const std::string group = fmt::format("{}{}/{}/", prefix, numbering.list, name);
    visit(group + (node.normalized ? "layer/vars" : "vars"), node);
    visit_keras3(node.inner, group, numbering, visit);
  }
}

NamedParameters numbered_parameters(const std::vector<KerasNode>& nodes, const Numbering& numbering) {
  NamedParameters result;
  visit_keras3(nodes, "", numbering, [&](const std::string& group, const KerasNode& node) {
    if (dynamic_cast<const Model::Network*>(node.layer.get())) return;
    int number = 0;
    for (const auto& [name, parameter] : weights_of(node, "")) {
      result.emplace_back(fmt::format("{}/{}", group, number++), parameter);
    }
  });
  return result;
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

/// The text without a trailing `separator` and number.
std::string without_number(const std::string& text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at != std::string::npos && is_number(std::string_view(text).substr(at + 1)) ? text.substr(0, at) : text;
}

/// The present name of a weight that Keras 1 calls "conv1_W_1" or "bn_conv1_running_mean_1". Its running_std is the
/// variance.
void add_keras1(std::vector<std::string>& candidates, const std::string& layer, const std::string& name) {
  static const std::multimap<std::string, std::string> renamed{{"W", "kernel"},
                                                               {"W", "embeddings"},
                                                               {"b", "bias"},
                                                               {"running_mean", "moving_mean"},
                                                               {"running_std", "moving_variance"}};
  const std::string own = name.starts_with(layer + "_") ? name.substr(layer.size() + 1) : name;
  const std::string plain = without_number(own, '_');
  candidates.insert(candidates.end(), {layer + "/" + own, layer + "/" + plain});
  const auto [first, last] = renamed.equal_range(plain);
  for (auto known = first; known != last; ++known) candidates.push_back(layer + "/" + known->second);
}

}  // namespace

std::string snake_case(const std::string& type) {
  // bytes of UTF-8 are letters, as in Python
  static const std::regex no_word("[^A-Za-z0-9_\x80-\xff]+"), word_begins("(.)([A-Z][a-z]+)"),
      capital_follows("([a-z])([A-Z])");
  std::string result = std::regex_replace(type, no_word, "");
  result = std::regex_replace(result, word_begins, "$1_$2");
  return lower_case(std::regex_replace(result, capital_follows, "$1_$2"));
}

std::vector<KerasNode> keras_nodes(const Model& model) { return nodes_of(model.network()); }

NamedParameters keras_weights(const KerasNode& node) { return weights_of(node, node.layer->name() + "/"); }

NamedParameters keras3_parameters(const std::vector<KerasNode>& nodes) { return numbered_parameters(nodes, {}); }

NamedParameters early_keras_parameters(const std::vector<KerasNode>& nodes) {
  return numbered_parameters(nodes, {"_layer_checkpoint_dependencies", 2});
}

std::vector<std::pair<std::string, std::string>> keras3_groups(const std::vector<KerasNode>& nodes,
                                                               const std::string& name) {
  std::vector<std::pair<std::string, std::string>> groups{{"vars", name}};
  visit_keras3(nodes, "", {}, [&](const std::string& group, const KerasNode& node) {
    groups.emplace_back(group, node.layer->name());
  });
  return groups;
}

std::string keras_weight_path(const std::set<std::string>& paths, const std::string& layer, const std::string& weight) {
  const std::string name = without_number(weight, ':');
  const std::vector<std::string> parts = split(name);
  std::vector<std::string> candidates{layer + "/" + name};
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] != layer && without_number(parts[i], '_') != layer) continue;
    candidates.push_back(
        fmt::format("{}/{}", layer, fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, parts.end(), "/")));
  }
  if (parts.size() == 1) add_keras1(candidates, layer, name);
  if (parts.back() == "kernel") {  // Keras 3's name of the weight that Keras 2 calls depthwise_kernel
    const std::vector<std::string> so_far = candidates;
    for (const std::string& path : so_far) {
      candidates.push_back(path.substr(0, path.size() - parts.back().size()) + "depthwise_kernel");
    }
  }
  for (const std::string& candidate : candidates) {
    if (paths.contains(candidate)) return candidate;
  }
  const auto inside = [&](const std::string& path) {
    return parts.size() > 1 && path.starts_with(layer + "/") && path.ends_with("/" + name);
  };
  const auto found = std::ranges::find_if(paths, inside);
  const bool one = found != paths.end() && std::find_if(std::next(found), paths.end(), inside) == paths.end();
  return one ? *found : fmt::format("{}/{}", layer, weight);
}

}  // namespace xtape
