#include "layers/normalization/sample_normalization.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/group_normalization.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/unit_vectors.hpp"

namespace xtape {
namespace {

void check_epsilon(const Layer& layer, double epsilon) {
  check(std::isfinite(epsilon) && epsilon >= 0, "{}: expected a finite epsilon of at least 0, got {}", layer.title(),
        epsilon);
}

/// The axes as increasing numbers in [1, rank), where rank counts the batch axis; none if one does not exist or is
/// given twice.
std::vector<int> sorted_axes(const std::vector<std::int64_t>& axes, int rank) {
  std::set<int> sorted;
  for (const std::int64_t axis : axes) {
    if (axis <= -rank || axis >= rank || axis == 0) return {};
    sorted.insert(static_cast<int>(axis < 0 ? axis + rank : axis));
  }
  return sorted.size() == axes.size() ? std::vector<int>(sorted.begin(), sorted.end()) : std::vector<int>();
}

std::string axes_text(int rank, const std::vector<std::int64_t>& axes) {
  return fmt::format("different axes in [1, {}), not {}", rank, fmt::join(axes, ", "));
}

PartialShape shape_of(const PartialShape& sample, const std::vector<int>& axes) {
  std::vector<Extent> extents;
  for (const int axis : axes) extents.push_back(sample[axis - 1]);
  return PartialShape(std::move(extents));
}

/// Calls f on x with these axes moved to the end, and moves them back.
template <class F>
Variable with_last(const Variable& x, const std::vector<int>& axes, F f) {
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_partition(order.begin(), order.end(), [&](int axis) { return !std::ranges::binary_search(axes, axis); });
  if (std::ranges::is_sorted(order)) return f(x);
  std::vector<int> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) back[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return transpose(f(transpose(x, order)), back);
}

/// gamma and beta where the options have them.
template <class Options>
std::vector<ParameterSpec> gamma_and_beta(const Options& o, const PartialShape& shape) {
  std::vector<ParameterSpec> specs;
  if (o.scale) specs.push_back({"gamma", shape, o.gamma_initializer, true, o.gamma_regularizer, o.gamma_constraint});
  if (o.center) specs.push_back({"beta", shape, o.beta_initializer, true, o.beta_regularizer, o.beta_constraint});
  return specs;
}

}  // namespace

LayerNormalizationLayer::LayerNormalizationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_epsilon(*this, options_.epsilon);
}

std::vector<TensorSpec> LayerNormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (sorted_axes(options_.axis, x.rank() + 1).empty()) reject(axes_text(x.rank() + 1, options_.axis), inputs);
  return {{x}};
}

std::vector<ParameterSpec> LayerNormalizationLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  return gamma_and_beta(options_, shape_of(x, sorted_axes(options_.axis, x.rank() + 1)));
}

std::vector<Variable> LayerNormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const std::vector<int> axes = sorted_axes(options_.axis, inputs.front().rank());
  std::optional<Variable> gamma, beta;
  if (options_.scale) gamma = parameter(pass, "gamma");
  if (options_.center) beta = parameter(pass, "beta");
  return {with_last(inputs.front(), axes, [&](const Variable& x) {
    return layer_norm(x, gamma, beta, options_.epsilon, static_cast<int>(axes.size()));
  })};
}

GroupNormalizationLayer::GroupNormalizationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_epsilon(*this, options_.epsilon);
  check(options_.groups >= 1 || options_.groups == -1, "{}: expected groups of at least 1, or -1, got {}", title(),
        options_.groups);
}

std::vector<TensorSpec> GroupNormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  const std::vector<int> axes = sorted_axes({options_.axis}, x.rank() + 1);
  if (axes.empty()) reject(axes_text(x.rank() + 1, {options_.axis}), inputs);
  const Extent channels = x[axes[0] - 1];
  if (channels.known() && options_.groups > 0 && channels.value() % options_.groups != 0) {
    reject(fmt::format("channels that {} groups divide", options_.groups), inputs);
  }
  return {{x}};
}

std::vector<ParameterSpec> GroupNormalizationLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  return gamma_and_beta(options_, shape_of(x, sorted_axes({options_.axis}, x.rank() + 1)));
}

std::vector<Variable> GroupNormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  std::optional<Variable> gamma, beta;
  if (options_.scale) gamma = parameter(pass, "gamma");
  if (options_.center) beta = parameter(pass, "beta");
  const std::vector<int> axes = sorted_axes({options_.axis}, inputs.front().rank());
  return {with_last(inputs.front(), axes, [&](const Variable& x) {
    return group_norm(x, gamma, beta, options_.groups == -1 ? x.dim(-1) : options_.groups, options_.epsilon);
  })};
}

RMSNormalizationLayer::RMSNormalizationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_epsilon(*this, options_.epsilon);
}

std::vector<TensorSpec> RMSNormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (sorted_axes(options_.axis, x.rank() + 1).empty()) reject(axes_text(x.rank() + 1, options_.axis), inputs);
  return {{x}};
}

std::vector<ParameterSpec> RMSNormalizationLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = inputs[0].shape;
  return {{"scale", shape_of(x, sorted_axes(options_.axis, x.rank() + 1)), ones()}};
}

std::vector<Variable> RMSNormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const std::vector<int> axes = sorted_axes(options_.axis, inputs.front().rank());
  return {with_last(inputs.front(), axes, [&](const Variable& x) {
    return rms_norm(x, parameter(pass, "scale"), options_.epsilon, static_cast<int>(axes.size()));
  })};
}

std::vector<TensorSpec> UnitNormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (sorted_axes(options_.axis, x.rank() + 1).empty()) reject(axes_text(x.rank() + 1, options_.axis), inputs);
  return {{x}};
}

std::vector<Variable> UnitNormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  constexpr double smallest = 1e-12;  // epsilon of Keras
  const Variable x = cast(inputs.front(), DType::float64);
  return {cast(unit_vectors(x, sorted_axes(options_.axis, x.rank()), smallest), inputs.front().dtype())};
}

template class LayerHandle<LayerNormalizationLayer>;
template class LayerHandle<GroupNormalizationLayer>;
template class LayerHandle<RMSNormalizationLayer>;
template class LayerHandle<UnitNormalizationLayer>;

}  // namespace xtape
