#include "layers/core/rectifiers.hpp"

#include <algorithm>
#include <cmath>

#include "framework/ops/activations.hpp"

namespace xtape {
namespace {

void check_option(const Layer& layer, const char* option, double value) {
  check(std::isfinite(value) && value >= 0, "{}: expected a finite {} of at least 0, got {}", layer.title(), option,
        value);
}

}  // namespace

ReLULayer::ReLULayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_option(*this, "max_value", options_.max_value.value_or(0));
  check_option(*this, "negative_slope", options_.negative_slope);
  check_option(*this, "threshold", options_.threshold);
}

std::vector<Variable> ReLULayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {rectify(inputs.front(), {options_.max_value, options_.negative_slope, options_.threshold})};
}

LeakyReLULayer::LeakyReLULayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_option(*this, "negative_slope", options_.negative_slope);
}

std::vector<Variable> LeakyReLULayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {leaky_relu(inputs.front(), options_.negative_slope)};
}

std::vector<TensorSpec> PReLULayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  const std::int64_t rank = x.rank() + 1;  // with the batch axis
  const auto exists = [&](std::int64_t axis) { return axis > -rank && axis < rank && axis != 0; };
  if (!std::ranges::all_of(options_.shared_axes, exists)) {
    reject(fmt::format("axes in [1, {}) for its shared axes {}", rank, fmt::join(options_.shared_axes, ", ")), inputs);
  }
  return {{x}};
}

std::vector<ParameterSpec> PReLULayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  PartialShape alpha = inputs[0].shape;
  for (const std::int64_t axis : options_.shared_axes) {
    alpha = alpha.replaced(static_cast<int>(axis < 0 ? axis : axis - 1), 1);
  }
  return {{"alpha", alpha, options_.alpha_initializer, true, options_.alpha_regularizer, options_.alpha_constraint}};
}

std::vector<Variable> PReLULayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {prelu(inputs.front(), parameter(pass, "alpha"))};
}

ELULayer::ELULayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_option(*this, "alpha", options_.alpha);
}

std::vector<Variable> ELULayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  return {elu(inputs.front(), options_.alpha)};
}

template class LayerHandle<ReLULayer>;
template class LayerHandle<LeakyReLULayer>;
template class LayerHandle<PReLULayer>;
template class LayerHandle<ELULayer>;

}  // namespace xtape
