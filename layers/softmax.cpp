#include "layers/softmax.hpp"

#include "framework/ops/activations.hpp"

namespace xtape {

Shape SoftmaxLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs);
  const int rank = x.rank() + 1;  // with the batch
  const int axis = options_.axis < 0 ? options_.axis + rank : options_.axis;
  if (axis < 1 || axis >= rank) reject(fmt::format("an axis in [1, {}) for its axis {}", rank, options_.axis), inputs);
  return x;
}

Variable SoftmaxLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return softmax(inputs.front(), options_.axis);
}

template class LayerHandle<SoftmaxLayer>;

}  // namespace xtape
