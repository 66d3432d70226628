// Softmax: logits to probabilities. For training leave it out: softmax_cross_entropy takes logits.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

/// y = exp(x) / sum of exp(x) along an axis; axis 0 is the batch and can't be chosen.
class SoftmaxLayer final : public Layer {
 public:
  struct Options {
    int axis = -1;
    std::string name = "";
    static void fields(auto& options, auto field) { field("axis", options.axis); }
  };
  explicit SoftmaxLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Softmax"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::string output_activation() const override { return "softmax"; }
  int axis() const { return options_.axis; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<SoftmaxLayer>;
using Softmax = LayerHandle<SoftmaxLayer>;

}  // namespace xtape
