// Conv2D: a convolution of images with learned kernels.
#pragma once

#include "framework/ops/convolution.hpp"
#include "layers/convolution/convolution_layer.hpp"

namespace xtape {

/// y = activation(conv2d(x, kernel) + bias), from (n, height, width, channels) to (n, out height, out width, filters).
/// Parameters: kernel (kernel height, kernel width, channels / groups, filters) and bias (filters).
class Conv2DLayer final : public ConvolutionLayer {
 public:
  struct Options {
    Required<std::int64_t> filters;    ///< number of output channels, at least 1
    Extent2D kernel_size = 1;          ///< height and width of the kernel, in pixels
    Extent2D strides = 1;              ///< vertical and horizontal step of the kernel, in pixels
    Padding padding = Padding::valid;  ///< zeros around the image: valid (none), same, or explicit amounts
    Extent2D dilation_rate = 1;        ///< distance between neighbouring kernel elements, in pixels; 1: dense kernel
    std::int64_t groups = 1;           ///< groups into which channels and filters are divided; a divisor of both
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
      field("filters", options.filters);
      field("kernel_size", options.kernel_size);
      field("strides", options.strides);
      field("padding", options.padding);
      field("dilation_rate", options.dilation_rate);
      field("groups", options.groups);
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
  /// Error unless filters >= 1 and groups divides filters.
  explicit Conv2DLayer(Options options);

  std::string type() const override { return "Conv2D"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable convolved(const Variable& x, ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

  /// The strides, the padding, the dilation rate and the groups, as the op conv2d() takes them.
  Conv2DOptions convolution() const;

 private:
  Options options_;
};

extern template class LayerHandle<Conv2DLayer>;
using Conv2D = LayerHandle<Conv2DLayer>;

}  // namespace xtape
