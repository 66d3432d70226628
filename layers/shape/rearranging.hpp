// Layers that repeat and exchange elements: Permute, RepeatVector.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/ops/window.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Exchanges axes of samples: axis i of the output is axis dims[i - 1] of the input, both counted from 1, as in Keras.
class PermuteLayer final : public Layer {
 public:
  struct Options {
    Required<std::vector<std::int64_t>> dims;  ///< each axis once, from 1
    std::string name = "";
    static void fields(auto& options, auto field) { field("dims", options.dims); }
  };
  explicit PermuteLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Permute"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<PermuteLayer>;
using Permute = LayerHandle<PermuteLayer>;

/// Repeats vectors: (n, features) becomes (n, times, features).
class RepeatVectorLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> n;  ///< number of repetitions, at least 1
    std::string name = "";
    static void fields(auto& options, auto field) { field("n", options.n); }
  };
  /// Error unless n is at least 1.
  explicit RepeatVectorLayer(Options options);
  std::string type() const override { return "RepeatVector"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RepeatVectorLayer>;
using RepeatVector = LayerHandle<RepeatVectorLayer>;

}  // namespace xtape
