#include "layers/shape/merge.hpp"

#include <algorithm>
#include <optional>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/unit_vectors.hpp"

namespace xtape {
namespace {

/// The shape of a op b: an extent of 1 and a missing leading axis take the extents of the other shape. Nothing if other
/// extents differ. An unknown extent is taken from the other shape if that one is above 1.
std::optional<PartialShape> broadcast(const PartialShape& a, const PartialShape& b) {
  if (a.rank() < b.rank()) return broadcast(b, a);
  std::vector<Extent> extents(a.begin(), a.end());
  for (int axis = -1; axis >= -b.rank(); --axis) {
    Extent& extent = extents.end()[axis];
    const Extent other = b[axis];
    if (extent.known() && other.known() && extent != other && extent != 1 && other != 1) return std::nullopt;
    if (extent == 1 || (!extent.known() && other.known() && other != 1)) extent = other;
  }
  return PartialShape(std::move(extents));
}

/// Inserts axes of extent 1 behind the batch axis, so that x has `rank` axes.
Variable with_rank(const Variable& x, int rank) {
  if (x.rank() == rank) return x;
  std::vector<std::int64_t> extents(static_cast<std::size_t>(rank), 1);
  extents.front() = x.dim(0);
  for (int axis = 1; axis < x.rank(); ++axis) extents.end()[axis - x.rank()] = x.dim(axis);
  return reshape(x, Shape(extents));
}

/// The inputs with equally many axes, and the shape to which they are broadcast.
struct Aligned {
  std::vector<Variable> inputs;
  Shape shape;
};
/// Error unless the inputs have equal extents, or 1 behind the batch axis.
Aligned aligned(const std::vector<Variable>& inputs) {
  int rank = 0;
  for (const Variable& input : inputs) rank = std::max(rank, input.rank());
  Aligned result{{}, with_rank(inputs[0], rank).shape()};
  for (const Variable& input : inputs) {
    const Variable next = with_rank(input, rank);
    for (int axis = 0; axis < rank; ++axis) {
      const std::int64_t a = result.shape[axis], b = next.dim(axis);
      check(a == b || (axis > 0 && (a == 1 || b == 1)), "expected inputs of equal extents, or 1, got {} and {}",
            result.shape, input.shape());
    }
    result.shape = broadcast_shapes("merge", result.shape, next.shape());
    result.inputs.push_back(next);
  }
  return result;
}

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
    const std::optional<PartialShape> both = broadcast(shape, input.shape);
    if (!both) reject("inputs of equal extents, or 1", inputs);
    shape = *both;
  }
  return {{shape}};
}

Variable ElementwiseMergeLayer::combined(const std::vector<Variable>& inputs,
                                         Variable (*combine)(const Variable&, const Variable&)) {
  const std::vector<Variable> all = aligned(inputs).inputs;
  Variable result = all[0];
  for (std::size_t i = 1; i < all.size(); ++i) result = combine(result, all[i]);
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

std::vector<Variable> AverageLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  auto [all, shape] = aligned(inputs);
  for (Variable& x : all) x = broadcast_to(x, shape);
  return {mean(stack(all), {0})};  // not the sum divided by the count: the sum may overflow
}

std::vector<Variable> MaximumLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {combined(inputs, maximum)};
}

std::vector<Variable> MinimumLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {combined(inputs, minimum)};
}

DotLayer::DotLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.axes.size() == 2, "{}: expected one axis for each of two inputs, got {}", title(),
        options_.axes.size());
}

std::vector<TensorSpec> DotLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  if (inputs.size() != 2) reject("two inputs", inputs);
  if (!all_floating(inputs)) reject("floating inputs", inputs);
  std::vector<Extent> extents, along;
  for (std::size_t i = 0; i < 2; ++i) {
    const PartialShape& x = inputs[i].shape;
    const std::int64_t rank = x.rank() + 1, axis = options_.axes[i] < 0 ? options_.axes[i] + rank : options_.axes[i];
    if (axis < 1 || axis >= rank) reject(fmt::format("axes that exist, not {}", options_.axes[i]), inputs);
    for (int other = 0; other < x.rank(); ++other) (other == axis - 1 ? along : extents).push_back(x[other]);
  }
  if (along[0].known() && along[1].known() && along[0] != along[1]) reject("axes of one extent", inputs);
  if (extents.empty()) extents.emplace_back(1);
  return {{PartialShape(std::move(extents))}};
}

std::vector<Variable> DotLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  constexpr double smallest = 1e-7;                     // of a norm, as in Keras
  std::vector<std::int64_t> extents{inputs[0].dim(0)};  // of the output
  // a stack of matrices (n, rows, k) or (n, k, columns)
  const auto stacked = [&](std::size_t i, bool k_last) {
    const Variable& x = inputs[i];
    const int axis = static_cast<int>(options_.axes[i] < 0 ? options_.axes[i] + x.rank() : options_.axes[i]);
    Variable y = options_.normalize ? unit_vectors(x, {axis}, smallest) : x;
    std::vector<int> order{0};
    for (int other = 1; other < x.rank(); ++other) {
      if (other == axis) continue;
      order.push_back(other);
      extents.push_back(x.dim(other));
    }
    order.insert(k_last ? order.end() : order.begin() + 1, axis);
    if (!std::ranges::is_sorted(order)) y = transpose(y, order);
    return k_last ? reshape(y, {x.dim(0), -1, x.dim(axis)}) : reshape(y, {x.dim(0), x.dim(axis), -1});
  };
  const Variable a = stacked(0, true), b = stacked(1, false);
  if (extents.size() == 1) extents.push_back(1);
  return {reshape(matmul(a, b), Shape(extents))};
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
          "{}: expected fewer than 2^62 elements along axis {}, got {}", title(), options_.axis, total);
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
template class LayerHandle<AverageLayer>;
template class LayerHandle<MaximumLayer>;
template class LayerHandle<MinimumLayer>;
template class LayerHandle<DotLayer>;
template class LayerHandle<ConcatenateLayer>;

}  // namespace xtape
