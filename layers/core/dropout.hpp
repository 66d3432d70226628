// Dropout: sets a random part of its input to 0 in training.
#pragma once

#include "layers/graph/layer.hpp"

namespace xtape {

/// In training each element becomes 0 with probability `rate` and x / (1 - rate) otherwise. In inference y = x.
class DropoutLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< probability that an element becomes 0; in [0, 1)
    std::string name = "";
    static void fields(auto& options, auto field) { field("rate", options.rate); }
  };
  /// Error unless 0 <= rate < 1.
  explicit DropoutLayer(Options options);
  std::string type() const override { return "Dropout"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<DropoutLayer>;
using Dropout = LayerHandle<DropoutLayer>;

}  // namespace xtape
