// DepthwiseConv2D and SeparableConv2D: convolutions in which each filter reads one channel.
#pragma once

#include "framework/ops/convolution.hpp"
#include "layers/convolution/convolution_layer.hpp"

namespace xtape {

/// y = activation(depthwise_conv2d(x, depthwise_kernel) + bias), from (n, height, width, channels) to (n, out height,
/// out width, channels * depth_multiplier). Parameters: depthwise_kernel (kernel height, kernel width, channels,
/// depth_multiplier) and bias (channels * depth_multiplier).
class DepthwiseConv2DLayer final : public ConvolutionLayer {
 public:
  struct Options {
    Extent2D kernel_size = 1;           ///< height and width of the kernel, in pixels
    Extent2D strides = 1;               ///< vertical and horizontal step of the kernel, in pixels
    Padding padding = Padding::valid;   ///< zeros around the image: valid (none), same, or explicit amounts
    std::int64_t depth_multiplier = 1;  ///< number of filters for each channel, at least 1
    Extent2D dilation_rate = 1;         ///< distance between neighbouring kernel elements, in pixels; 1: dense kernel
    ActivationFunction activation = linear;                ///< applied after the bias
    bool use_bias = true;                                  ///< add a learned bias
    Initializer depthwise_initializer = glorot_uniform();  ///< initial values of the kernel
    Initializer bias_initializer = zeros();                ///< initial values of the bias
    Regularizer depthwise_regularizer = {};                ///< l2(1e-4) adds 1e-4 * sum(kernel^2) to the loss
    Regularizer bias_regularizer = {};                     ///< added to the loss for the bias
    Constraint depthwise_constraint = {};                  ///< applied to the kernel after each optimizer step
    Constraint bias_constraint = {};                       ///< applied to the bias after each optimizer step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("kernel_size", options.kernel_size);
      field("strides", options.strides);
      field("padding", options.padding);
      field("depth_multiplier", options.depth_multiplier);
      field("dilation_rate", options.dilation_rate);
      field("activation", options.activation);
      field("use_bias", options.use_bias);
      field("depthwise_initializer", options.depthwise_initializer);
      field("bias_initializer", options.bias_initializer);
      field("depthwise_regularizer", options.depthwise_regularizer);
      field("bias_regularizer", options.bias_regularizer);
      field("depthwise_constraint", options.depthwise_constraint);
      field("bias_constraint", options.bias_constraint);
    }
  };
  /// Error unless depth_multiplier >= 1.
  explicit DepthwiseConv2DLayer(Options options);

  std::string type() const override { return "DepthwiseConv2D"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable convolved(const Variable& x, ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  Options options_;
};
extern template class LayerHandle<DepthwiseConv2DLayer>;
using DepthwiseConv2D = LayerHandle<DepthwiseConv2DLayer>;

/// y = activation(conv2d(depthwise_conv2d(x, depthwise_kernel), pointwise_kernel) + bias), from (n, height, width,
/// channels) to (n, out height, out width, filters). Parameters: depthwise_kernel (kernel height, kernel width,
/// channels, depth_multiplier), pointwise_kernel (1, 1, channels * depth_multiplier, filters) and bias (filters).
class SeparableConv2DLayer final : public ConvolutionLayer {
 public:
  struct Options {
    Required<std::int64_t> filters;     ///< number of output channels, at least 1
    Extent2D kernel_size = 1;           ///< height and width of the depthwise kernel, in pixels
    Extent2D strides = 1;               ///< vertical and horizontal step of the depthwise kernel, in pixels
    Padding padding = Padding::valid;   ///< zeros around the image: valid (none), same, or explicit amounts
    Extent2D dilation_rate = 1;         ///< distance between neighbouring kernel elements, in pixels; 1: dense kernel
    std::int64_t depth_multiplier = 1;  ///< number of depthwise filters for each channel, at least 1
    ActivationFunction activation = linear;                ///< applied after the bias
    bool use_bias = true;                                  ///< add a learned bias
    Initializer depthwise_initializer = glorot_uniform();  ///< initial values of the depthwise kernel
    Initializer pointwise_initializer = glorot_uniform();  ///< initial values of the pointwise kernel
    Initializer bias_initializer = zeros();                ///< initial values of the bias
    Regularizer depthwise_regularizer = {};                ///< added to the loss for the depthwise kernel
    Regularizer pointwise_regularizer = {};                ///< added to the loss for the pointwise kernel
    Regularizer bias_regularizer = {};                     ///< added to the loss for the bias
    Constraint depthwise_constraint = {};                  ///< applied to the depthwise kernel after each step
    Constraint pointwise_constraint = {};                  ///< applied to the pointwise kernel after each step
    Constraint bias_constraint = {};                       ///< applied to the bias after each step
    std::string name = "";
    static void fields(auto& options, auto field) {
      field("filters", options.filters);
      field("kernel_size", options.kernel_size);
      field("strides", options.strides);
      field("padding", options.padding);
      field("dilation_rate", options.dilation_rate);
      field("depth_multiplier", options.depth_multiplier);
      field("activation", options.activation);
      field("use_bias", options.use_bias);
      field("depthwise_initializer", options.depthwise_initializer);
      field("pointwise_initializer", options.pointwise_initializer);
      field("bias_initializer", options.bias_initializer);
      field("depthwise_regularizer", options.depthwise_regularizer);
      field("pointwise_regularizer", options.pointwise_regularizer);
      field("bias_regularizer", options.bias_regularizer);
      field("depthwise_constraint", options.depthwise_constraint);
      field("pointwise_constraint", options.pointwise_constraint);
      field("bias_constraint", options.bias_constraint);
    }
  };
  /// Error unless filters >= 1 and depth_multiplier >= 1.
  explicit SeparableConv2DLayer(Options options);

  std::string type() const override { return "SeparableConv2D"; }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable convolved(const Variable& x, ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  Options options_;
};
extern template class LayerHandle<SeparableConv2DLayer>;
using SeparableConv2D = LayerHandle<SeparableConv2DLayer>;

}  // namespace xtape
