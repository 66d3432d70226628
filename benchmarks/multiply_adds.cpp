#include "benchmarks/multiply_adds.hpp"

#include <algorithm>

namespace xtape::bench {

MultiplyAdds multiply_adds(const Model& model) {
  MultiplyAdds total;
  std::vector<bool> trained;  // whether the node's output depends on a trained parameter
  for (const ModelNode& node : model.nodes()) {
    const bool trained_inputs = std::ranges::any_of(node.inputs, [&](std::size_t i) { return bool{trained[i]}; });
    bool own = false;
    for (const auto& [path, parameter] : node.layer->named_parameters()) {
      own = own || parameter.trainable();
      if (path != "kernel") continue;
      // every element of a kernel meets every position of the output: height * width, or 1 for a dense layer
      const auto positions = static_cast<double>(node.shape.size() / node.shape[-1]);
      const double products = static_cast<double>(parameter.value().size()) * positions;
      total.forward += products;
      total.training += products * (trained_inputs ? 3 : 2);
    }
    trained.push_back(own || trained_inputs);
  }
  return total;
}

}  // namespace xtape::bench
