// BatchNormalization: each channel brought to mean 0 and variance 1, then scaled and shifted by learned amounts.
#pragma once

#include "layers/layer.hpp"

namespace xtape {

/// Over the last axis. Training uses the batch's own mean and variance and moves the moving averages towards them,
///   moving <- momentum moving + (1 - momentum) batch        (the variance with Bessel's correction n / (n - 1)),
/// inference uses the moving averages. A variance that their type cannot hold is kept as its largest number; NaN and
/// infinity in a batch make them NaN or infinite. An average that its type would round back to what it was moves by one
/// unit in the last place, so that a channel of one constant value becomes exactly beta in inference too, after enough
/// batches: about 1300 of float32 with the default momentum. They start
/// at mean 0 and variance 1, so after t steps momentum^t of what they hold is still that start; with bias_correction
/// inference divides it out, m = moving_mean / (1 - momentum^t) and likewise for the variance, as Adam does for its
/// moments (Kingma and Ba, 2015, section 3). recalibrate_batch_norm() in training/ measures them anew instead. Frozen
/// (set_trainable(false)) it computes as in inference in every mode. Parameters gamma, beta, moving_mean,
/// moving_variance (channels); with bias_correction also the number of updates.
class BatchNormalizationLayer final : public Layer {
 public:
  struct Options {
    double momentum = 0.99;
    double epsilon = 1e-3;
    bool center = true;  ///< learn beta; otherwise 0
    bool scale = true;   ///< learn gamma; otherwise 1
    bool bias_correction = false;
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("momentum", options.momentum);
      field("epsilon", options.epsilon);
      field("center", options.center);
      field("scale", options.scale);
      field("bias_correction", options.bias_correction);
    }
  };
  /// Error unless momentum is in [0, 1) and epsilon above 0.
  explicit BatchNormalizationLayer(Options options);

  std::string type() const override { return "BatchNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  Fusion fusion() const override { return {.takes_bias = true, .takes_residual = true, .takes_relu = true}; }
  Variable call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const override;

  double momentum() const { return options_.momentum; }
  bool bias_correction() const { return options_.bias_correction; }
  /// For the updates to come. Error unless in [0, 1).
  void set_momentum(double momentum);

 private:
  void move_averages(const Tensor& mean, const Tensor& variance, std::int64_t samples, ForwardPass& pass) const;
  Tensor corrected(const Tensor& moving, double start) const;
  Options options_;
};

extern template class LayerHandle<BatchNormalizationLayer>;
using BatchNormalization = LayerHandle<BatchNormalizationLayer>;

}  // namespace xtape
