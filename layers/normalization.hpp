// Normalization: inputs brought to mean 0 and variance 1 by what the training data are like.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/layer.hpp"

namespace xtape {

/// Over the last axis, as Keras's layer: y = (x - mean) / max(sqrt(variance), 1e-7), so that what never changes becomes
/// 0. Mean and variance are parameters (channels) that are not trained; adapt() in training/ measures them, and they
/// are stored with the weights. Until then they are 0 and 1.
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
