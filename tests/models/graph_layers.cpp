#include "tests/models/graph_layers.hpp"

#include "framework/ops/ops.hpp"

namespace xtape::test {

std::vector<TensorSpec> SplitLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  return {{x.replaced(-1, options_.first.value)}, {x.replaced(-1, x[-1] - options_.first.value)}};
}

std::vector<ParameterSpec> SplitLayer::parameter_specs(const std::vector<TensorSpec>&) const {
  return {{"gain", {options_.first.value}, constant(2)}};
}

std::vector<Variable> SplitLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs[0];
  const std::int64_t first = options_.first;
  return {x[{ellipsis(), {0, first}}] * parameter(pass, "gain"), x[{ellipsis(), {first, x.dim(-1)}}]};
}

std::vector<TensorSpec> UpsamplingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs, 3);
  return {{{2 * x[0], 2 * x[1], x[2]}}};
}

std::vector<Variable> UpsamplingLayer::call(const std::vector<Variable>& inputs, ForwardPass&) const {
  const Variable& x = inputs[0];
  const std::int64_t n = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const Variable pixels = reshape(x, {n, height, 1, width, 1, channels});
  return {reshape(broadcast_to(pixels, {n, height, 2, width, 2, channels}), {n, 2 * height, 2 * width, channels})};
}

LoadModelOptions graph_layers() {
  return {.custom_layers = {{"Split", make_layer<SplitLayer>}, {"Upsampling", make_layer<UpsamplingLayer>}}};
}

}  // namespace xtape::test
