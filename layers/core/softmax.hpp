// Softmax: computes probabilities from logits. Training does not need it, because softmax_cross_entropy takes logits.
#pragma once

#include "layers/graph/layer.hpp"

namespace xtape {

/// y = exp(x) / sum(exp(x)) along an axis. The output has the shape of x. Axis 0, the batch, is an Error.
class SoftmaxLayer final : public Layer {
 public:
  struct Options {
    int axis = -1;  ///< counted with the batch axis 0; negative axes count from the end
    std::string name = "";
    static void fields(auto& options, auto field) { field("axis", options.axis); }
  };
  explicit SoftmaxLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "Softmax"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::string output_activation() const override { return "softmax"; }
  /// The axis as given in the options.
  int axis() const { return options_.axis; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<SoftmaxLayer>;
using Softmax = LayerHandle<SoftmaxLayer>;

}  // namespace xtape
