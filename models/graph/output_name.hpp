// The names of a model's outputs.
#pragma once

#include <cstddef>
#include <string>

#include "models/graph/model.hpp"

namespace xtape {

/// The name of output number `index` of the model: the name of its layer, with the number of the output if the layer
/// has several.
inline std::string output_name(const Model& model, std::size_t index) {
  const NodeOutput output = model.output_nodes().at(index);
  const ModelNode& node = model.nodes()[output.node];
  return node.outputs.size() == 1 ? node.layer->name() : fmt::format("{}_{}", node.layer->name(), output.output);
}

}  // namespace xtape
