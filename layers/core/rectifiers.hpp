// Rectifiers with options: ReLU, LeakyReLU, PReLU, ELU.
#pragma once

#include <optional>
#include <vector>

#include "framework/ops/piecewise_activations.hpp"
#include "layers/graph/layer.hpp"

namespace xtape {

/// y = min(x, max_value) for x > threshold, else negative_slope (x - threshold). The output has the shape of x.
class ReLULayer final : public Layer {
 public:
  struct Options {
    std::optional<double> max_value = std::nullopt;  ///< largest output, at least 0; nothing: no limit
    double negative_slope = 0;                       ///< slope below the threshold, at least 0
    double threshold = 0;                            ///< where the identity begins, at least 0
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("max_value", options.max_value);
      field("negative_slope", options.negative_slope);
      field("threshold", options.threshold);
    }
  };
  /// Error unless the options are finite and at least 0.
  explicit ReLULayer(Options options);
  std::string type() const override { return "ReLU"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ReLULayer>;
using ReLU = LayerHandle<ReLULayer>;

/// y = x for x > 0, else negative_slope x.
class LeakyReLULayer final : public Layer {
 public:
  struct Options {
    double negative_slope = 0.3;  ///< slope below 0, at least 0
    std::string name = "";
    static void fields(auto& options, auto field) { field("negative_slope", options.negative_slope); }
  };
  /// Error unless the slope is finite and at least 0.
  explicit LeakyReLULayer(Options options);
  std::string type() const override { return "LeakyReLU"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<LeakyReLULayer>;
using LeakyReLU = LayerHandle<LeakyReLULayer>;

/// y = x for x > 0, else alpha x with a learned alpha. Parameter: alpha, of the shape of one sample with the extent 1
/// along the shared axes.
class PReLULayer final : public Layer {
 public:
  struct Options {
    Initializer alpha_initializer = zeros();  ///< initial values of the slopes
    Regularizer alpha_regularizer = {};       ///< added to the loss for the slopes
    Constraint alpha_constraint = {};         ///< applied to the slopes after each optimizer step
    /// Axes along which all elements share a slope, counted with the batch axis 0: {1, 2} for one slope per channel of
    /// images. Negative axes count from the end.
    std::vector<std::int64_t> shared_axes = {};
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("alpha_initializer", options.alpha_initializer);
      field("alpha_regularizer", options.alpha_regularizer);
      field("alpha_constraint", options.alpha_constraint);
      field("shared_axes", options.shared_axes);
    }
  };
  explicit PReLULayer(Options options) : Layer(options.name), options_(std::move(options)) {}
  std::string type() const override { return "PReLU"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<PReLULayer>;
using PReLU = LayerHandle<PReLULayer>;

/// y = x for x > 0, else alpha (e^x - 1).
class ELULayer final : public Layer {
 public:
  struct Options {
    double alpha = 1;  ///< minus the limit of y for small x, at least 0
    std::string name = "";
    static void fields(auto& options, auto field) { field("alpha", options.alpha); }
  };
  /// Error unless alpha is finite and at least 0.
  explicit ELULayer(Options options);
  std::string type() const override { return "ELU"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override {
    return {{only_input(inputs)}};
  }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

 private:
  Options options_;
};
extern template class LayerHandle<ELULayer>;
using ELU = LayerHandle<ELULayer>;

}  // namespace xtape
