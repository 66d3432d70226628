// Embedding: a learned vector for each token.
#pragma once

#include "layers/graph/layer.hpp"

namespace xtape {

/// y = embeddings[x]: for each token the row of a learned table, from int64 (n, ...) to (n, ..., output_dim).
/// Parameter: embeddings (input_dim, output_dim). A negative token counts from the end of the table, so padding needs a
/// token of its own. A token outside of the table is an Error of the pass.
class EmbeddingLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> input_dim;                       ///< number of tokens, at least 1
    Required<std::int64_t> output_dim;                      ///< size of the vectors, at least 1
    Initializer embeddings_initializer = random_uniform();  ///< initial values of the table
    Regularizer embeddings_regularizer = {};                ///< added to the loss for the table
    Constraint embeddings_constraint = {};                  ///< applied to the table after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("input_dim", options.input_dim);
      field("output_dim", options.output_dim);
      field("embeddings_initializer", options.embeddings_initializer);
      field("embeddings_regularizer", options.embeddings_regularizer);
      field("embeddings_constraint", options.embeddings_constraint);
    }
  };
  /// Error unless both numbers are at least 1.
  explicit EmbeddingLayer(Options options);

  std::string type() const override { return "Embedding"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<EmbeddingLayer>;
using Embedding = LayerHandle<EmbeddingLayer>;

}  // namespace xtape
