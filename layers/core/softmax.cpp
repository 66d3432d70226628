#include "layers/core/softmax.hpp"

#include "framework/ops/activations.hpp"

namespace xtape {

std::vector<TensorSpec> SoftmaxLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  const int rank = x.rank() + 1;  // with the batch axis
  const int axis = options_.axis < 0 ? options_.axis + rank : options_.axis;
  if (axis < 1 || axis >= rank) reject(fmt::format("an axis in [1, {}) for its axis {}", rank, options_.axis), inputs);
  return {{x}};
}

std::vector<Variable> SoftmaxLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {softmax(inputs.front(), options_.axis)};
}

template class LayerHandle<SoftmaxLayer>;

}  // namespace xtape
