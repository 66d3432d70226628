#include "layers/core/embedding.hpp"

#include "framework/ops/manipulation.hpp"

namespace xtape {
EmbeddingLayer::EmbeddingLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.input_dim >= 1, "{}: expected input_dim >= 1, got {}", title(), options_.input_dim.value);
  check(options_.output_dim >= 1, "{}: expected output_dim >= 1, got {}", title(), options_.output_dim.value);
}

std::vector<TensorSpec> EmbeddingLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const TensorSpec& tokens = only_input_of_any_type(inputs);
  if (tokens.dtype != DType::int64) reject("tokens of type int64", inputs);
  std::vector<Extent> vectors(tokens.shape.begin(), tokens.shape.end());
  vectors.emplace_back(options_.output_dim.value);
  return {{PartialShape(std::move(vectors))}};
}

std::vector<ParameterSpec> EmbeddingLayer::parameter_specs(const std::vector<TensorSpec>& /*inputs*/) const {
  return {{"embeddings",
           {options_.input_dim.value, options_.output_dim.value},
           options_.embeddings_initializer,
           true,
           options_.embeddings_regularizer,
           options_.embeddings_constraint}};
}

std::vector<Variable> EmbeddingLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {take(parameter(pass, "embeddings"), inputs.front().value(), 0)};
}

template class LayerHandle<EmbeddingLayer>;

}  // namespace xtape
