#include "layers/shape/rearranging.hpp"

#include <algorithm>
#include <numeric>

#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

constexpr std::int64_t most = std::int64_t{1} << 30;

void check_amounts(const Layer& layer, const std::vector<std::int64_t>& amounts) {
  const auto fits = [](std::int64_t n) { return n >= 0 && n <= most; };
  check(amounts.size() == 2 && std::ranges::all_of(amounts, fits),
        "{}: expected two amounts of 0 to 2^30, for the beginning and the end, got ({})", layer.title(),
        fmt::join(amounts, ", "));
}

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
  check(options_.n >= 1 && options_.n <= most, "{}: expected n of 1 to 2^30, got {}", title(), options_.n.value);
}

std::vector<TensorSpec> RepeatVectorLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 1);
  return {{{options_.n.value, x[0]}}};
}

std::vector<Variable> RepeatVectorLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {repeat(expand_dims(inputs.front(), 1), options_.n, 1)};
}

Cropping1DLayer::Cropping1DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_amounts(*this, options_.cropping);
}

std::vector<TensorSpec> Cropping1DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 2);
  const std::int64_t removed = options_.cropping[0] + options_.cropping[1];
  if (x[0].known() && x[0].value() <= removed) reject(fmt::format("more than {} steps", removed), inputs);
  return {{{x[0] - removed, x[1]}}};
}

std::vector<Variable> Cropping1DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  const std::int64_t end = x.dim(1) - options_.cropping[1];
  check(end > options_.cropping[0], "expected more than {} steps, got {}", options_.cropping[0] + options_.cropping[1],
        x.dim(1));
  return {x[{all(), {options_.cropping[0], end}, all()}]};
}

Cropping2DLayer::Cropping2DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const Padding& cropping = options_.cropping;
  check(!cropping.is_same() &&
            std::ranges::all_of(cropping.amounts(), [](std::int64_t n) { return n >= 0 && n <= most; }),
        "{}: expected amounts of 0 to 2^30 for top, bottom, left and right, got {}", title(),
        cropping.is_same() ? std::string("same") : fmt::format("({})", fmt::join(cropping.amounts(), ", ")));
}

std::vector<TensorSpec> Cropping2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  const auto [top, bottom, left, right] = options_.cropping.amounts();
  if ((x[0].known() && x[0].value() <= top + bottom) || (x[1].known() && x[1].value() <= left + right)) {
    reject(fmt::format("images larger than {} x {}", top + bottom, left + right), inputs);
  }
  return {{{x[0] - (top + bottom), x[1] - (left + right), x[2]}}};
}

std::vector<Variable> Cropping2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  const auto [top, bottom, left, right] = options_.cropping.amounts();
  check(x.dim(1) > top + bottom && x.dim(2) > left + right, "expected images larger than {} x {}, got {}", top + bottom,
        left + right, x.shape());
  return {x[{all(), {top, x.dim(1) - bottom}, {left, x.dim(2) - right}, all()}]};
}

ZeroPadding1DLayer::ZeroPadding1DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_amounts(*this, options_.padding);
}

std::vector<TensorSpec> ZeroPadding1DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 2);
  return {{{x[0] + options_.padding[0] + options_.padding[1], x[1]}}};
}

std::vector<Variable> ZeroPadding1DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {pad(inputs.front(), {{0, 0}, {options_.padding[0], options_.padding[1]}, {0, 0}})};
}

template class LayerHandle<PermuteLayer>;
template class LayerHandle<RepeatVectorLayer>;
template class LayerHandle<Cropping1DLayer>;
template class LayerHandle<Cropping2DLayer>;
template class LayerHandle<ZeroPadding1DLayer>;

}  // namespace xtape
