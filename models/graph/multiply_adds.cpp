#include "models/graph/multiply_adds.hpp"

#include <algorithm>
#include <map>

#include "layers/core/linear_map.hpp"
#include "layers/graph/builtin_layers.hpp"

namespace xtape {
namespace {

MultiplyAdds total(const std::vector<MultiplyAdds>& all) {
  MultiplyAdds sum;
  for (const MultiplyAdds& work : all) {
    sum.forward += work.forward;
    sum.backward += work.backward;
    sum.unknown += work.unknown;
  }
  return sum;
}

bool is_builtin(const Layer& layer) {
  static const std::map<std::string, LayerFactory> known = builtin_layers();
  return known.contains(layer.type());
}

/// The work of each node of a model. `trained`: whether the model's inputs depend on a trained parameter.
std::vector<MultiplyAdds> work_of_nodes(const Model& model, bool trained);

/// The work of a custom layer: that of its inner layers, one call each.
MultiplyAdds work_inside(const Layer& layer, bool trained);

/// The work of one call of a layer whose first output has this shape. `trained`: whether its inputs depend on a trained
/// parameter.
MultiplyAdds work_of(const std::shared_ptr<Layer>& layer, const PartialShape& output, bool trained) {
  if (const auto inner = Model::from_layer(layer)) return total(work_of_nodes(*inner, trained));
  if (!is_builtin(*layer)) return work_inside(*layer, trained);
  MultiplyAdds work;
  for (const auto& [path, parameter] : layer->named_parameters()) {
    if (!path.ends_with("kernel")) continue;
    const auto* map = dynamic_cast<const LinearMapLayer*>(layer.get());
    if (map == nullptr) return {.unknown = 1};
    const Extent positions = map->kernel_positions(output);
    if (!positions.known()) return {.unknown = 1};
    const double uses = static_cast<double>(parameter.value().size()) * static_cast<double>(positions.value());
    work.forward += uses;
    work.backward += uses * ((parameter.trainable() ? 1 : 0) + (trained ? 1 : 0));
  }
  return work;
}

bool is_trained(const Layer& layer) {
  const auto parameters = layer.named_parameters();
  return std::ranges::any_of(parameters, [](const auto& named) { return named.second.trainable(); });
}

MultiplyAdds work_inside(const Layer& layer, bool trained) {
  const std::vector<Sublayer> inside = layer.sublayers();
  const auto parameters = layer.named_parameters();
  const bool has_own =
      std::ranges::any_of(parameters, [](const auto& named) { return named.first.find('/') == std::string::npos; });
  std::vector<MultiplyAdds> all;
  if (inside.empty() || has_own) all.push_back({.unknown = 1});
  for (const Sublayer& inner : inside) {
    all.push_back(work_of(inner.layer, inner.layer->outputs().front().shape, trained));
    trained = trained || is_trained(*inner.layer);
  }
  return total(all);
}

std::vector<MultiplyAdds> work_of_nodes(const Model& model, bool trained) {
  std::vector<MultiplyAdds> all;
  std::vector<bool> depends;  // whether the node's output depends on a trained parameter
  for (const ModelNode& node : model.nodes()) {
    const bool trained_inputs =
        node.inputs.empty()
            ? trained
            : std::ranges::any_of(node.inputs, [&](const NodeOutput& input) { return bool{depends[input.node]}; });
    all.push_back(work_of(node.layer, node.shape(), trained_inputs));
    depends.push_back(is_trained(*node.layer) || trained_inputs);
  }
  return all;
}

}  // namespace

std::vector<MultiplyAdds> multiply_adds_of_nodes(const Model& model) { return work_of_nodes(model, false); }

MultiplyAdds multiply_adds(const Model& model) { return total(multiply_adds_of_nodes(model)); }

}  // namespace xtape
