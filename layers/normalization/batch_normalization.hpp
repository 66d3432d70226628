// BatchNormalization: normalizes each channel to mean 0 and variance 1, then scales and shifts it by learned amounts.
#pragma once

#include <utility>

#include "framework/ops/normalization.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// Normalizes over the last axis, the channels. Training uses the mean and the variance of the batch and updates the
/// moving averages,
///   moving <- momentum moving + (1 - momentum) batch        (the variance with Bessel's correction n / (n - 1)).
/// Inference uses the moving averages. A variance that is too large for the element type is stored as the largest
/// number of the type. NaN and infinity in a batch make the averages NaN or infinite. If rounding would leave an
/// average unchanged, it moves by one unit in the last place; so a channel with one constant value becomes exactly beta
/// in inference too, after about 1300 batches in float32 with the default momentum.
///
/// The averages start at mean 0 and variance 1. After t steps the start still has the weight momentum^t. With
/// bias_correction, inference removes it: m = moving_mean / (1 - momentum^t), and likewise for the variance, as Adam
/// does for its moments (Kingma and Ba, 2015, section 3). recalibrate_batch_norm() in training/ computes the averages
/// again instead. A frozen layer (set_trainable(false)) computes as in inference in every mode.
///
/// In data-parallel training (Distributed) each shard of a batch has its own statistics, as in Keras and PyTorch. With
/// `synchronized` they are those of the whole batch: the mean and the variance over all shards, of whatever sizes, and
/// the derivative that belongs to them. Elsewhere the option has no effect.
///
/// Parameters: gamma, beta, moving_mean, moving_variance, each (channels); with bias_correction also the number of
/// updates.
class BatchNormalizationLayer final : public Layer {
 public:
  struct Options {
    double momentum = 0.99;        ///< the weight of the old moving average in an update; in [0, 1)
    double epsilon = 1e-3;         ///< added to the variance before the square root; above 0
    bool center = true;            ///< learn the shift beta; otherwise it is 0
    bool scale = true;             ///< learn the scale gamma; otherwise it is 1
    bool bias_correction = false;  ///< remove the start values from the moving averages in inference
    bool synchronized = false;     ///< in data-parallel training: the statistics of the batch of all shards (Keras)
    Initializer beta_initializer = zeros();  ///< initial values of beta
    Initializer gamma_initializer = ones();  ///< initial values of gamma
    Regularizer beta_regularizer = {};       ///< added to the loss for beta
    Regularizer gamma_regularizer = {};      ///< added to the loss for gamma
    Constraint beta_constraint = {};         ///< applied to beta after each optimizer step
    Constraint gamma_constraint = {};        ///< applied to gamma after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("momentum", options.momentum);
      field("epsilon", options.epsilon);
      field("center", options.center);
      field("scale", options.scale);
      field("bias_correction", options.bias_correction);
      field("synchronized", options.synchronized);
      field("beta_initializer", options.beta_initializer);
      field("gamma_initializer", options.gamma_initializer);
      field("beta_regularizer", options.beta_regularizer);
      field("gamma_regularizer", options.gamma_regularizer);
      field("beta_constraint", options.beta_constraint);
      field("gamma_constraint", options.gamma_constraint);
    }
  };
  /// Error unless momentum is in [0, 1) and epsilon above 0.
  explicit BatchNormalizationLayer(Options options);

  std::string type() const override { return "BatchNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  /// Computes relu(norm(x + bias) + residual) by one op, with the parts that `fused` selects. If `x` is passed by
  /// std::move, its memory may be overwritten.
  Variable normalized(Variable x, const BatchNormFusion& fused, ForwardPass& pass) const;

  /// gamma and beta, each (channels); ones and zeros if the layer does not learn them.
  std::pair<Variable, Variable> scale_and_shift(const Shape& channels, DType dtype, ForwardPass& pass) const;
  /// The mean and the variance by which inference normalizes, each (channels).
  std::pair<Tensor, Tensor> inference_statistics() const {
    return {corrected(state("moving_mean").value(), 0), corrected(state("moving_variance").value(), 1)};
  }

  /// The weight of the old moving average in an update.
  double momentum() const { return options_.momentum; }
  /// Whether inference removes the start values from the moving averages.
  bool bias_correction() const { return options_.bias_correction; }
  /// Whether the statistics are those of the batch of all shards in data-parallel training.
  bool synchronized() const { return options_.synchronized; }
  /// Sets the momentum of later updates. Error unless it is in [0, 1).
  void set_momentum(double momentum);

 private:
  void move_averages(const Tensor& mean, const Tensor& variance, std::int64_t samples, ForwardPass& pass) const;
  Tensor corrected(const Tensor& moving, double start) const;
  Options options_;
};

extern template class LayerHandle<BatchNormalizationLayer>;
using BatchNormalization = LayerHandle<BatchNormalizationLayer>;

}  // namespace xtape
