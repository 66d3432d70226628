// Dropout: sets a random part of its input to 0 in training.
#pragma once

#include <optional>

#include "layers/graph/layer.hpp"

namespace xtape {

/// In training each element becomes 0 with probability `rate` and x / (1 - rate) otherwise. In inference y = x. With a
/// noise_shape, elements share one draw along the axes of extent 1: {any, 1, 1, 1} sets whole samples of images to 0,
/// which on the residual branch of a network is stochastic depth (Huang et al., ECCV 2016).
class DropoutLayer final : public Layer {
 public:
  struct Options {
    Required<double> rate;  ///< probability that an element becomes 0; in [0, 1)
    /// The shape of the draws, with the batch axis; an unknown extent is that of the input. By default one draw for
    /// each element.
    std::optional<PartialShape> noise_shape = std::nullopt;
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("rate", options.rate);
      field("noise_shape", options.noise_shape);
    }
  };
  /// Error unless 0 <= rate < 1.
  explicit DropoutLayer(Options options);
  std::string type() const override { return "Dropout"; }
  bool keeps_activation() const override { return true; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<DropoutLayer>;
using Dropout = LayerHandle<DropoutLayer>;

}  // namespace xtape
