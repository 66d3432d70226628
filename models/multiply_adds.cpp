#include "models/multiply_adds.hpp"

#include <algorithm>
#include <map>

#include "layers/builtin_layers.hpp"

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

/// `trained`: whether the model's inputs depend on a trained parameter.
std::vector<MultiplyAdds> work_of_nodes(const Model& model, bool trained) {
  std::vector<MultiplyAdds> all;
  std::vector<bool> depends;  // whether the node's output depends on a trained parameter
  for (const ModelNode& node : model.nodes()) {
    const bool trained_inputs = node.inputs.empty()
                                    ? trained
                                    : std::ranges::any_of(node.inputs, [&](std::size_t i) { return bool{depends[i]}; });
    bool own = false;
    MultiplyAdds work;
    if (const auto inner = Model::from_layer(node.layer)) {
      work = total(work_of_nodes(*inner, trained_inputs));
    } else if (!is_builtin(*node.layer)) {
      work.unknown = 1;
    }
    for (const auto& [path, parameter] : node.layer->named_parameters()) {
      own = own || parameter.trainable();
      if (path != "kernel" || work.unknown > 0) continue;
      // every element of a kernel meets every position of the output: height * width, or 1 for a dense layer
      const std::int64_t positions = node.shape.size() / node.shape[-1];
      work.forward = static_cast<double>(parameter.value().size()) * static_cast<double>(positions);
      work.backward = work.forward * ((parameter.trainable() ? 1 : 0) + (trained_inputs ? 1 : 0));
    }
    all.push_back(work);
    depends.push_back(own || trained_inputs);
  }
  return all;
}

}  // namespace

std::vector<MultiplyAdds> multiply_adds_of_nodes(const Model& model) { return work_of_nodes(model, false); }

MultiplyAdds multiply_adds(const Model& model) { return total(multiply_adds_of_nodes(model)); }

}  // namespace xtape
