#include "layers/shape/borders.hpp"

#include <algorithm>

#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

/// The name of a padding that is computed from a window; empty for amounts.
template <class Padding>
std::string rule_of(const Padding& padding) {
  if constexpr (requires { padding.is_causal(); }) {
    if (padding.is_causal()) return "causal";
  }
  return padding.is_same() ? "same" : "";
}

template <class Padding>
void check_amounts(const Layer& layer, std::string_view option, const Padding& given) {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  std::vector<std::int64_t> amounts;
  for (const auto& [before, after] : amounts_of(given)) amounts.insert(amounts.end(), {before, after});
  const std::string rule = rule_of(given);
  check(rule.empty() && std::ranges::all_of(amounts, [](std::int64_t n) { return n >= 0 && n <= most; }),
        "{}: expected a {} of 0 to 2^30 elements at each border, got {}", layer.title(), option,
        rule.empty() ? fmt::format("({})", fmt::join(amounts, ", ")) : rule);
}

/// The sums of the amounts of each axis, "3 x 2".
std::string sums_text(const std::vector<AxisAmounts>& amounts) {
  std::vector<std::int64_t> sums;
  for (const auto& [before, after] : amounts) sums.push_back(before + after);
  return fmt::format("{}", fmt::join(sums, " x "));
}

}  // namespace

template <int axes>
CroppingLayer<axes>::CroppingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_amounts(*this, "cropping", options_.cropping);
}

template <int axes>
std::vector<TensorSpec> CroppingLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  const auto amounts = amounts_of(options_.cropping);
  std::vector<Extent> extents(x.begin(), x.end());
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const std::int64_t removed = amounts[i][0] + amounts[i][1];
    if (extents[i].known() && extents[i].value() <= removed) {
      reject(fmt::format("extents larger than {}", sums_text(amounts)), inputs);
    }
    extents[i] = extents[i] - removed;
  }
  return {{PartialShape(std::move(extents))}};
}

template <int axes>
std::vector<Variable> CroppingLayer<axes>::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  const auto amounts = amounts_of(options_.cropping);
  std::vector<Index> kept(axes + 2, all());
  for (int i = 0; i < axes; ++i) {
    const auto [before, after] = amounts[static_cast<std::size_t>(i)];
    check(x.dim(i + 1) > before + after, "expected extents larger than {}, got {}", sums_text(amounts), x.shape());
    kept[static_cast<std::size_t>(i) + 1] = {before, x.dim(i + 1) - after};
  }
  return {x[kept]};
}

template <int axes>
ZeroPaddingLayer<axes>::ZeroPaddingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_amounts(*this, "padding", options_.padding);
}

template <int axes>
std::vector<TensorSpec> ZeroPaddingLayer<axes>::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, axes + 1);
  const auto amounts = amounts_of(options_.padding);
  std::vector<Extent> extents(x.begin(), x.end());
  for (std::size_t i = 0; i < amounts.size(); ++i) extents[i] = extents[i] + (amounts[i][0] + amounts[i][1]);
  return {{PartialShape(std::move(extents))}};
}

template <int axes>
std::vector<Variable> ZeroPaddingLayer<axes>::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  std::vector<PadWidths> widths(axes + 2);
  for (std::size_t i = 0; const auto& [before, after] : amounts_of(options_.padding)) widths[++i] = {before, after};
  return {pad(inputs.front(), widths)};
}

template class CroppingLayer<1>;
template class CroppingLayer<2>;
template class CroppingLayer<3>;
template class ZeroPaddingLayer<1>;
template class ZeroPaddingLayer<2>;
template class ZeroPaddingLayer<3>;
template class LayerHandle<Cropping1DLayer>;
template class LayerHandle<Cropping2DLayer>;
template class LayerHandle<Cropping3DLayer>;
template class LayerHandle<ZeroPadding1DLayer>;
template class LayerHandle<ZeroPadding2DLayer>;
template class LayerHandle<ZeroPadding3DLayer>;

}  // namespace xtape
