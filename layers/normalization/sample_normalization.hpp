// Normalization of each sample by its own statistics, the same in training and inference: LayerNormalization,
// GroupNormalization, RMSNormalization, UnitNormalization.
#pragma once

#include <cstdint>
#include <vector>

#include "layers/graph/layer.hpp"

namespace xtape {

/// y = gamma (x - m) / sqrt(v + epsilon) + beta, with mean m and biased variance v over the axes of each sample; see
/// layer_norm(). Parameters: gamma and beta, of the shape of the axes.
class LayerNormalizationLayer final : public Layer {
 public:
  struct Options {
    /// Axes that are normalized together, counted with the batch axis 0; negative axes count from the end.
    std::vector<std::int64_t> axis = {-1};
    double epsilon = 1e-3;                   ///< added to the variance, at least 0
    bool center = true;                      ///< whether beta is added
    bool scale = true;                       ///< whether the result is multiplied by gamma
    Initializer beta_initializer = zeros();  ///< initial values of beta
    Initializer gamma_initializer = ones();  ///< initial values of gamma
    Regularizer beta_regularizer = {};       ///< added to the loss for beta
    Regularizer gamma_regularizer = {};      ///< added to the loss for gamma
    Constraint beta_constraint = {};         ///< applied to beta after each optimizer step
    Constraint gamma_constraint = {};        ///< applied to gamma after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("axis", options.axis);
      field("epsilon", options.epsilon);
      field("center", options.center);
      field("scale", options.scale);
      field("beta_initializer", options.beta_initializer);
      field("gamma_initializer", options.gamma_initializer);
      field("beta_regularizer", options.beta_regularizer);
      field("gamma_regularizer", options.gamma_regularizer);
      field("beta_constraint", options.beta_constraint);
      field("gamma_constraint", options.gamma_constraint);
    }
  };
  /// Error unless epsilon is finite and at least 0.
  explicit LayerNormalizationLayer(Options options);
  std::string type() const override { return "LayerNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<LayerNormalizationLayer>;
using LayerNormalization = LayerHandle<LayerNormalizationLayer>;

/// Normalizes each group of channels of each sample by its mean and variance over all positions; see group_norm().
/// groups = channels, or -1, is instance normalization, groups = 1 normalizes the whole sample. Parameters: gamma and
/// beta (channels).
class GroupNormalizationLayer final : public Layer {
 public:
  struct Options {
    std::int64_t groups = 32;                ///< number of groups, which divides the channels; -1: one for each channel
    int axis = -1;                           ///< axis of the channels, counted with the batch axis 0
    double epsilon = 1e-3;                   ///< added to the variance, at least 0
    bool center = true;                      ///< whether beta is added
    bool scale = true;                       ///< whether the result is multiplied by gamma
    Initializer beta_initializer = zeros();  ///< initial values of beta
    Initializer gamma_initializer = ones();  ///< initial values of gamma
    Regularizer beta_regularizer = {};       ///< added to the loss for beta
    Regularizer gamma_regularizer = {};      ///< added to the loss for gamma
    Constraint beta_constraint = {};         ///< applied to beta after each optimizer step
    Constraint gamma_constraint = {};        ///< applied to gamma after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("groups", options.groups);
      field("axis", options.axis);
      field("epsilon", options.epsilon);
      field("center", options.center);
      field("scale", options.scale);
      field("beta_initializer", options.beta_initializer);
      field("gamma_initializer", options.gamma_initializer);
      field("beta_regularizer", options.beta_regularizer);
      field("gamma_regularizer", options.gamma_regularizer);
      field("beta_constraint", options.beta_constraint);
      field("gamma_constraint", options.gamma_constraint);
    }
  };
  /// Error unless epsilon is finite and at least 0, and groups at least 1 or -1.
  explicit GroupNormalizationLayer(Options options);
  std::string type() const override { return "GroupNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<GroupNormalizationLayer>;
using GroupNormalization = LayerHandle<GroupNormalizationLayer>;

/// y = scale x / sqrt(mean of x^2 + epsilon), with the mean over the axes of each sample; see rms_norm(). Parameter:
/// scale, of the shape of the axes, ones at first.
class RMSNormalizationLayer final : public Layer {
 public:
  struct Options {
    /// Axes that are normalized together, counted with the batch axis 0; negative axes count from the end.
    std::vector<std::int64_t> axis = {-1};
    double epsilon = 1e-6;  ///< added to the mean square, at least 0
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("axis", options.axis);
      field("epsilon", options.epsilon);
    }
  };
  /// Error unless epsilon is finite and at least 0.
  explicit RMSNormalizationLayer(Options options);
  std::string type() const override { return "RMSNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<RMSNormalizationLayer>;
using RMSNormalization = LayerHandle<RMSNormalizationLayer>;

/// y = x / |x|, with the norm over the axes of each sample; a norm below 1e-12 counts as 1e-12.
class UnitNormalizationLayer final : public Layer {
 public:
  struct Options {
    /// Axes that are normalized together, counted with the batch axis 0; negative axes count from the end.
    std::vector<std::int64_t> axis = {-1};
    std::string name = "";
    static void fields(auto& options, auto field) { field("axis", options.axis); }
  };
  explicit UnitNormalizationLayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "UnitNormalization"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<UnitNormalizationLayer>;
using UnitNormalization = LayerHandle<UnitNormalizationLayer>;

}  // namespace xtape
