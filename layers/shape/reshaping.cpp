#include "layers/shape/reshaping.hpp"

#include <algorithm>

#include "framework/ops/manipulation.hpp"

namespace xtape {

std::vector<Variable> FlattenLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  return {reshape(x, {x.dim(0), x.shape().without(0).size()})};
}

std::vector<TensorSpec> ReshapeLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const auto& [x, dtype] = only_input_of_any_type(inputs);
  const std::vector<std::int64_t>& target = options_.target_shape;
  const auto open = std::ranges::find(target, -1);
  if (std::ranges::any_of(target, [](std::int64_t extent) { return extent < -1 || extent == 0; }) ||
      std::ranges::count(target, -1) > 1) {
    reject(fmt::format("a target shape of positive extents with at most one -1, not ({})", fmt::join(target, ", ")),
           inputs);
  }
  std::vector<Extent> extents;
  for (const std::int64_t extent : target) extents.push_back(extent == -1 ? Extent(1) : Extent(extent));
  const Extent given = PartialShape(extents).size();
  if (open != target.end()) extents[static_cast<std::size_t>(open - target.begin())] = x.size() / given;
  if (x.size().known() && PartialShape(extents).size() != x.size()) {
    reject(fmt::format("as many elements as the target shape ({}) has", fmt::join(target, ", ")), inputs);
  }
  return {{PartialShape(std::move(extents)), dtype}};
}

std::vector<Variable> ReshapeLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  const Shape sample = output_specs({{x.shape().without(0), x.dtype()}}).front().shape;
  return {reshape(x, sample.prepended(x.dim(0)))};
}

template class LayerHandle<FlattenLayer>;
template class LayerHandle<ReshapeLayer>;

}  // namespace xtape
