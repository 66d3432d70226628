#include "layers/shape/merge.hpp"

#include <algorithm>
#include <optional>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

/// The common shape, in which an extent is known if it is known in `a` or `b`; nothing if the shapes differ.
std::optional<PartialShape> agreed(const PartialShape& a, const PartialShape& b) {
  if (a.rank() != b.rank()) return std::nullopt;
  std::vector<Extent> extents;
  for (int axis = 0; axis < a.rank(); ++axis) {
    if (a[axis].known() && b[axis].known() && a[axis] != b[axis]) return std::nullopt;
    extents.push_back(a[axis].known() ? a[axis] : b[axis]);
  }
  return PartialShape(std::move(extents));
}

bool all_floating(const std::vector<TensorSpec>& inputs) {
  return std::ranges::all_of(inputs, [](const TensorSpec& input) { return is_floating(input.dtype); });
}

}  // namespace

std::vector<TensorSpec> ElementwiseMergeLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  if (inputs.size() < 2) reject("two or more inputs", inputs);
  if (!all_floating(inputs)) reject("floating inputs", inputs);
  PartialShape shape = inputs[0].shape;
  for (const TensorSpec& input : inputs) {
    const std::optional<PartialShape> both = agreed(shape, input.shape);
    if (!both) reject("inputs of one shape", inputs);
    shape = *both;
  }
  return {{shape}};
}

Variable ElementwiseMergeLayer::combined(const std::vector<Variable>& inputs,
                                         Variable (*combine)(const Variable&, const Variable&)) {
  Variable result = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    check(inputs[i].shape() == result.shape(), "expected inputs of one shape, got {} and {}", result.shape(),
          inputs[i].shape());
    result = combine(result, inputs[i]);
  }
  return result;
}

std::vector<Variable> AddLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {combined(inputs, add)};
}

std::vector<TensorSpec> SubtractLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  if (inputs.size() != 2) reject("two inputs", inputs);
  return ElementwiseMergeLayer::output_specs(inputs);
}

std::vector<Variable> SubtractLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {combined(inputs, subtract)};
}

std::vector<Variable> MultiplyLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {combined(inputs, multiply)};
}

std::vector<TensorSpec> ConcatenateLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  if (inputs.size() < 2) reject("two or more inputs", inputs);
  if (!all_floating(inputs)) reject("floating inputs", inputs);
  const int rank = inputs[0].shape.rank() + 1;  // with the batch axis
  const int axis = options_.axis < 0 ? options_.axis + rank : options_.axis;
  if (axis < 1 || axis >= rank) reject(fmt::format("an axis in [1, {}) for its axis {}", rank, options_.axis), inputs);
  Extent total = 0;
  PartialShape others = inputs[0].shape.replaced(axis - 1, 1);
  for (const TensorSpec& input : inputs) {
    const bool same_rank = input.shape.rank() + 1 == rank;
    const auto both = same_rank ? agreed(others, input.shape.replaced(axis - 1, 1)) : std::nullopt;
    if (!both) reject(fmt::format("inputs that differ in axis {} only", options_.axis), inputs);
    others = *both;
    total = total + input.shape[axis - 1];
    check(!total.known() || total.value() < std::int64_t{1} << 62,
          "{}: expected fewer than 2^62 elements along axis {}", title(), options_.axis);
  }
  return {{others.replaced(axis - 1, total)}};
}

std::vector<Variable> ConcatenateLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {concatenate(inputs, options_.axis)};
}

SymbolicTensor operator+(const SymbolicTensor& a, const SymbolicTensor& b) { return Add()({a, b}); }
SymbolicTensor operator-(const SymbolicTensor& a, const SymbolicTensor& b) { return Subtract()({a, b}); }
SymbolicTensor operator*(const SymbolicTensor& a, const SymbolicTensor& b) { return Multiply()({a, b}); }

template class LayerHandle<AddLayer>;
template class LayerHandle<SubtractLayer>;
template class LayerHandle<MultiplyLayer>;
template class LayerHandle<ConcatenateLayer>;

}  // namespace xtape
