#include "layers/reshaping.hpp"

#include <algorithm>

#include "framework/ops/manipulation.hpp"

namespace xtape {

Variable FlattenLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  return reshape(x, {x.dim(0), x.size() / x.dim(0)});
}

Shape ReshapeLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs);
  const std::vector<std::int64_t>& target = options_.target_shape;
  std::vector<std::int64_t> extents = target;
  if (std::ranges::any_of(extents, [](std::int64_t extent) { return extent < -1 || extent == 0; }) ||
      std::ranges::count(extents, -1) > 1) {
    reject(fmt::format("a target shape of positive extents with at most one -1, not ({})", fmt::join(target, ", ")),
           inputs);
  }
  const auto open = std::ranges::find(extents, -1);
  if (open != extents.end()) {
    *open = 1;
    *open = x.size() / Shape(extents).size();
  }
  if (Shape(extents).size() != x.size()) {
    reject(fmt::format("as many elements as the target shape ({}) has", fmt::join(target, ", ")), inputs);
  }
  return Shape(extents);
}

Variable ReshapeLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  return reshape(x, output_shape({x.shape().without(0)}).prepended(x.dim(0)));
}

ZeroPadding2DLayer::ZeroPadding2DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const Padding& padding = options_.padding;
  constexpr std::int64_t most = std::int64_t{1} << 30;
  check(
      !padding.is_same() && std::ranges::all_of(padding.amounts(), [](std::int64_t n) { return n >= 0 && n <= most; }),
      "{}: expected amounts of 0 to 2^30 for top, bottom, left and right, got {}", title(),
      padding.is_same() ? std::string("same") : fmt::format("({})", fmt::join(padding.amounts(), ", ")));
}

Shape ZeroPadding2DLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs, 3);
  const auto [top, bottom, left, right] = options_.padding.amounts();
  return {top + x[0] + bottom, left + x[1] + right, x[2]};
}

Variable ZeroPadding2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const auto [top, bottom, left, right] = options_.padding.amounts();
  return pad(inputs.front(), {{0, 0}, {top, bottom}, {left, right}, {0, 0}});
}

template class LayerHandle<FlattenLayer>;
template class LayerHandle<ReshapeLayer>;
template class LayerHandle<ZeroPadding2DLayer>;

}  // namespace xtape
