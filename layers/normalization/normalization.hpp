// Normalization: normalizes inputs to mean 0 and variance 1 by statistics of the training data.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/graph/layer.hpp"

namespace xtape {

/// Normalizes over the last axis, as in Keras: y = (x - mean) / max(sqrt(variance), 1e-7). A channel with one constant
/// value becomes 0. Mean and variance are parameters (channels) that are not trained and are stored with the weights.
/// They are 0 and 1 until adapt() in training/ computes them from data.
class NormalizationLayer final : public Layer {
 public:
  using Options = OnlyName;
  explicit NormalizationLayer(const Options& options) : Layer(options.name) {}
  LayerConfig config() const override { return {}; }

  std::string type() const override { return "Normalization"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
};

extern template class LayerHandle<NormalizationLayer>;
using Normalization = LayerHandle<NormalizationLayer>;

}  // namespace xtape
