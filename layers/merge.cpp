#include "layers/merge.hpp"

#include <algorithm>

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"

namespace xtape {

Shape ElementwiseMergeLayer::output_shape(const std::vector<Shape>& inputs) const {
  if (inputs.size() < 2) reject("two or more inputs", inputs);
  if (std::ranges::any_of(inputs, [&](const Shape& shape) { return shape != inputs[0]; })) {
    reject("inputs of one shape", inputs);
  }
  return inputs[0];
}

Variable AddLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable total = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) total = total + inputs[i];
  return total;
}

Variable AddLayer::call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const {
  if (!parts.relu) return call(inputs, pass);
  const Variable last = inputs.back();
  inputs.pop_back();
  return add_relu(call(inputs, pass), last);
}

Variable MultiplyLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  Variable product = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) product = product * inputs[i];
  return product;
}

Shape ConcatenateLayer::output_shape(const std::vector<Shape>& inputs) const {
  if (inputs.size() < 2) reject("two or more inputs", inputs);
  const int rank = inputs[0].rank() + 1;  // with the batch
  const int axis = options_.axis < 0 ? options_.axis + rank : options_.axis;
  if (axis < 1 || axis >= rank) reject(fmt::format("an axis in [1, {}) for its axis {}", rank, options_.axis), inputs);
  std::int64_t total = 0;
  for (const Shape& shape : inputs) {
    if (shape.rank() + 1 != rank || shape.replaced(axis - 1, 1) != inputs[0].replaced(axis - 1, 1)) {
      reject(fmt::format("inputs that differ in axis {} only", options_.axis), inputs);
    }
    total += shape[axis - 1];
    check(total < std::int64_t{1} << 62, "{}: expected fewer than 2^62 elements along axis {}", title(), options_.axis);
  }
  return inputs[0].replaced(axis - 1, total);
}

Variable ConcatenateLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return concatenate(inputs, options_.axis);
}

template class LayerHandle<AddLayer>;
template class LayerHandle<MultiplyLayer>;
template class LayerHandle<ConcatenateLayer>;

}  // namespace xtape
