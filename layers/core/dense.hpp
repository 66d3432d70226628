// Dense: each output is a weighted sum of all inputs.
#pragma once

#include "layers/core/linear_map.hpp"

namespace xtape {

/// y = activation(x kernel + bias) over the last axis, from (n, ..., inputs) to (n, ..., units). Parameters: kernel
/// (inputs, units) and bias (units).
class DenseLayer final : public LinearMapLayer {
 public:
  struct Options {
    Required<std::int64_t> units;                       ///< number of outputs, at least 1
    ActivationFunction activation = linear;             ///< applied after the bias
    bool use_bias = true;                               ///< add a learned bias
    Initializer kernel_initializer = glorot_uniform();  ///< initial values of the kernel
    Initializer bias_initializer = zeros();             ///< initial values of the bias
    Regularizer kernel_regularizer = {};                ///< l2(1e-4) adds 1e-4 * sum(kernel^2) to the loss
    Regularizer bias_regularizer = {};                  ///< added to the loss for the bias
    Constraint kernel_constraint = {};                  ///< max_norm(3) limits the norms after each optimizer step
    Constraint bias_constraint = {};                    ///< applied to the bias after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("units", options.units);
      field("activation", options.activation);
      field("use_bias", options.use_bias);
      field("kernel_initializer", options.kernel_initializer);
      field("bias_initializer", options.bias_initializer);
      field("kernel_regularizer", options.kernel_regularizer);
      field("bias_regularizer", options.bias_regularizer);
      field("kernel_constraint", options.kernel_constraint);
      field("bias_constraint", options.bias_constraint);
    }
  };
  /// Error unless units >= 1.
  explicit DenseLayer(Options options);

  std::string type() const override { return "Dense"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable mapped(const Variable& x, ForwardPass& pass) const override;
  std::optional<Tensor> mapped_with(const Variable& x, const InferenceEpilogue& epilogue,
                                    ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  Options options_;
};

extern template class LayerHandle<DenseLayer>;
using Dense = LayerHandle<DenseLayer>;

}  // namespace xtape
