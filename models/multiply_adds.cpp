#include "models/multiply_adds.hpp"

#include <algorithm>

namespace xtape {

std::vector<MultiplyAdds> multiply_adds_of_nodes(const Model& model) {
  std::vector<MultiplyAdds> all;
  std::vector<bool> trained;  // whether the node's output depends on a trained parameter
  for (const ModelNode& node : model.nodes()) {
    const bool trained_inputs = std::ranges::any_of(node.inputs, [&](std::size_t i) { return bool{trained[i]}; });
    bool own = false;
    MultiplyAdds work;
    for (const auto& [path, parameter] : node.layer->named_parameters()) {
      own = own || parameter.trainable();
      if (path != "kernel") continue;
      // every element of a kernel meets every position of the output: height * width, or 1 for a dense layer
      const auto positions = static_cast<double>(node.shape.size() / node.shape[-1]);
      work.forward = static_cast<double>(parameter.value().size()) * positions;
      work.backward = work.forward * (trained_inputs ? 2 : 1);
    }
    all.push_back(work);
    trained.push_back(own || trained_inputs);
  }
  return all;
}

MultiplyAdds multiply_adds(const Model& model) {
  MultiplyAdds total;
  for (const MultiplyAdds& work : multiply_adds_of_nodes(model)) {
    total.forward += work.forward;
    total.backward += work.backward;
  }
  return total;
}

}  // namespace xtape
