#include "layers/softmax.hpp"

#include "framework/ops/activations.hpp"

namespace xtape {

Shape SoftmaxLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs);
  const int rank = x.rank() + 1;  // with the batch
  const int axis = axis_ < 0 ? axis_ + rank : axis_;
  if (axis < 1 || axis >= rank) reject(fmt::format("an axis in [1, {}) for its axis {}", rank, axis_), inputs);
  return x;
}

Variable SoftmaxLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return softmax(inputs.front(), axis_);
}

template class LayerHandle<SoftmaxLayer>;

}  // namespace xtape
