#include "tests/models/graph_layers.hpp"

#include "framework/ops/ops.hpp"

namespace xtape::test {

std::vector<TensorSpec> EmbeddingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const auto& [shape, dtype] = only_input_of_any_type(inputs);
  if (dtype != DType::int64 || shape.rank() != 1) reject("tokens, int64 (None, positions)", inputs);
  return {{{shape[0], options_.width.value}}};
}

std::vector<ParameterSpec> EmbeddingLayer::parameter_specs(const std::vector<TensorSpec>&) const {
  return {{"table", {options_.tokens.value, options_.width.value}, glorot_uniform()}};
}

std::vector<Variable> EmbeddingLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Tensor& tokens = inputs[0].value();
  const Variable table = parameter(pass, "table");
  std::vector<double> chosen(static_cast<std::size_t>(tokens.size() * options_.tokens), 0);
  for (std::int64_t i = 0; i < tokens.size(); ++i) {
    chosen[static_cast<std::size_t>(i * options_.tokens + tokens.data<std::int64_t>()[i])] = 1;
  }
  const Variable rows = matmul(Tensor::of({tokens.size(), options_.tokens}, chosen, table.dtype()), table);
  return {reshape(rows, {tokens.dim(0), tokens.dim(1), options_.width})};
}

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
  return {.custom_layers = {{"Embedding", make_layer<EmbeddingLayer>},
                            {"Split", make_layer<SplitLayer>},
                            {"Upsampling", make_layer<UpsamplingLayer>}}};
}

}  // namespace xtape::test
