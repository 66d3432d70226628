// Conv2D: convolution of images with learned kernels.
#pragma once

#include "framework/ops/convolution.hpp"
#include "layers/activation.hpp"

namespace xtape {

/// y = activation(conv2d(x, kernel) + bias): (n, height, width, channels) -> (n, out height, out width, filters).
/// Parameters kernel (kernel height, kernel width, channels, filters) and bias (filters).
class Conv2DLayer final : public Layer {
 public:
  struct Options {
    Required<std::int64_t> filters;
    Extent2D kernel_size = 1;
    Extent2D strides = 1;
    Padding padding = Padding::valid;
    Extent2D dilation_rate = 1;
    ActivationFunction activation = linear;
    bool use_bias = true;
    Initializer kernel_initializer = glorot_uniform();
    Initializer bias_initializer = zeros();
    Regularizer kernel_regularizer = {};  ///< l2(1e-4): its l2 * sum(w^2) is added to the loss
    Regularizer bias_regularizer = {};
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("filters", options.filters);
      field("kernel_size", options.kernel_size);
      field("strides", options.strides);
      field("padding", options.padding);
      field("dilation_rate", options.dilation_rate);
      field("activation", options.activation);
      field("use_bias", options.use_bias);
      field("kernel_initializer", options.kernel_initializer);
      field("bias_initializer", options.bias_initializer);
      field("kernel_regularizer", options.kernel_regularizer);
      field("bias_regularizer", options.bias_regularizer);
    }
  };
  /// Error unless filters >= 1.
  explicit Conv2DLayer(Options options);

  std::string type() const override { return "Conv2D"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::string output_activation() const override { return options_.activation.name(); }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;

  /// The geometry of the convolution.
  Conv2DOptions convolution() const;
  /// conv2d(x, kernel), without bias and activation.
  Variable convolved(const Variable& x, ForwardPass& pass) const;
  /// The bias; nothing without one.
  std::optional<Variable> bias(ForwardPass& pass) const;

 private:
  Options options_;
};

extern template class LayerHandle<Conv2DLayer>;
using Conv2D = LayerHandle<Conv2DLayer>;

}  // namespace xtape
