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
  std::string output_activation() const override { return options_.activation.name(); }
  Shape output_shape(const std::vector<Shape>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<Shape>& inputs) const override;
  Variable call(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  /// With a max pooling, whatever is monotone is left for the smaller array behind it.
  Fusion fusion() const override {
    const bool linear_output = options_.activation.is(linear);
    return {.takes_relu = linear_output, .takes_max_pool = linear_output || options_.activation.is(relu)};
  }
  WithoutBias call_without_bias(const std::vector<Variable>& inputs, ForwardPass& pass) const override;
  Variable call_fused(std::vector<Variable> inputs, const FusedParts& parts, ForwardPass& pass) const override;

 private:
  Conv2DOptions convolution() const;
  Variable convolved(const Variable& x, ForwardPass& pass) const;
  Variable pooled(const Variable& x, const WindowOptions& pooling, ForwardPass& pass) const;
  Variable activated(const Variable& y, bool relu_behind, ForwardPass& pass) const;
  Options options_;
};

extern template class LayerHandle<Conv2DLayer>;
using Conv2D = LayerHandle<Conv2DLayer>;

}  // namespace xtape
