#include "layers/shape/rearranging.hpp"

#include <algorithm>
#include <numeric>

#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

constexpr std::int64_t most_repeats = std::int64_t{1} << 30;

}  // namespace

std::vector<TensorSpec> PermuteLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const auto& [x, dtype] = only_input_of_any_type(inputs);
  const std::vector<std::int64_t>& dims = options_.dims;
  std::vector<std::int64_t> sorted = dims, wanted(static_cast<std::size_t>(x.rank()));
  std::ranges::sort(sorted);
  std::iota(wanted.begin(), wanted.end(), 1);
  if (sorted != wanted) {
    reject(fmt::format("samples whose axes are 1 to {}, as in dims ({})", dims.size(), fmt::join(dims, ", ")), inputs);
  }
  std::vector<Extent> extents;
  for (const std::int64_t axis : dims) extents.push_back(x[static_cast<int>(axis) - 1]);
  return {{PartialShape(std::move(extents)), dtype}};
}

std::vector<Variable> PermuteLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  std::vector<int> permutation{0};
  for (const std::int64_t axis : options_.dims.value) permutation.push_back(static_cast<int>(axis));
  return {transpose(inputs.front(), permutation)};
}

RepeatVectorLayer::RepeatVectorLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.n >= 1 && options_.n <= most_repeats, "{}: expected n of 1 to 2^30, got {}", title(),
        options_.n.value);
}

std::vector<TensorSpec> RepeatVectorLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 1);
  return {{{options_.n.value, x[0]}}};
}

std::vector<Variable> RepeatVectorLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {repeat(expand_dims(inputs.front(), 1), options_.n, 1)};
}

template class LayerHandle<PermuteLayer>;
template class LayerHandle<RepeatVectorLayer>;

}  // namespace xtape
