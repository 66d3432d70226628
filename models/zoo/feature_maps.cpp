#include "models/zoo/feature_maps.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "layers/operators/operator.hpp"

namespace xtape {
namespace {

/// Whether the layer computes values of the whole image, even if they have three axes: a global pooling with keepdims,
/// or a reduction over the rows in an imported network.
bool is_global(const Layer& layer) {
  const auto* reduction = dynamic_cast<const OperatorLayer*>(&layer);
  if (reduction == nullptr) return layer.type().starts_with("Global");
  const OperatorLayer::Options& options = reduction->options();
  return options.function.value.starts_with("Reduce") &&
         std::ranges::any_of(options.axes, [](std::int64_t axis) { return axis == 1 || axis == -3; });
}

}  // namespace

std::vector<SymbolicTensor> feature_maps(const Model& model) {
  const std::vector<ModelNode>& nodes = model.nodes();
  check(
      model.input_nodes().size() == 1 && model.input_shape().rank() == 3,
      "feature_maps: expected a model with one image (height, width, channels) as input, got {} input(s), the first {}",
      model.input_nodes().size(), model.input_shape());
  PartialShape image = model.input_shape();
  for (int axis = 0; axis < 2; ++axis) {
    if (!image[axis].known()) image = image.replaced(axis, 256);
  }
  const double height = static_cast<double>(image[0].value());
  // Of each node: the specs of its outputs for this image, and whether it is computed pixel by pixel from the image.
  // The factors of squeeze-and-excitation have three axes too, but come from means over the whole image.
  std::vector<std::vector<TensorSpec>> specs(nodes.size());
  std::vector<bool> is_map(nodes.size());
  std::map<int, std::size_t> last;  // the last map of each halving of the height
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const ModelNode& node = nodes[i];
    if (node.inputs.empty()) {
      specs[i] = {{image, node.outputs.front().dtype()}};
      is_map[i] = true;
      continue;
    }
    std::vector<TensorSpec> inputs;
    bool reads_map = false;
    for (const NodeOutput& input : node.inputs) {
      inputs.push_back(specs[input.node][input.output]);
      reads_map = reads_map || is_map[input.node];
    }
    specs[i] = node.layer->output_specs(inputs);
    const PartialShape& shape = specs[i].front().shape;
    is_map[i] = reads_map && !is_global(*node.layer) && shape.rank() == 3 && shape[0].known() && shape[0] != 0;
    if (!is_map[i] || node.layer->type() == "ZeroPadding2D") continue;
    last[static_cast<int>(std::lround(std::log2(height / static_cast<double>(shape[0].value()))))] = i;
  }
  std::vector<SymbolicTensor> maps;
  for (const auto& [halvings, node] : last) maps.push_back(nodes[node].outputs.front());
  return maps;
}

}  // namespace xtape
