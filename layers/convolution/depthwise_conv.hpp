// DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D and SeparableConv2D: convolutions in which each filter reads one
// channel.
#pragma once

#include "layers/convolution/axes.hpp"
#include "layers/core/linear_map.hpp"

namespace xtape {

/// y = activation(depthwise_conv(x, depthwise_kernel) + bias) with depthwise_conv1d or depthwise_conv2d, from (n,
/// extents, channels) to (n, out extents, channels * depth_multiplier). Parameters: depthwise_kernel (kernel size,
/// channels, depth_multiplier) and bias (channels * depth_multiplier).
template <int axes>
class DepthwiseConvLayer final : public LinearMapLayer {
 public:
  struct Options {
    AxesSize<axes> kernel_size = 1;  ///< extents of the kernel
    AxesSize<axes> strides = 1;      ///< step of the kernel along each axis
    /// Zeros around the input: valid (none), same, or explicit amounts; for one axis also causal
    AxesPadding<axes> padding = AxesPadding<axes>::valid;
    std::int64_t depth_multiplier = 1;       ///< number of filters for each channel, at least 1
    AxesSize<axes> dilation_rate = 1;        ///< distance between neighbouring kernel elements; 1: dense kernel
    ActivationFunction activation = linear;  ///< applied after the bias
    bool use_bias = true;                    ///< add a learned bias
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
  explicit DepthwiseConvLayer(Options options);

  std::string type() const override { return fmt::format("DepthwiseConv{}D", axes); }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable mapped(const Variable& x, ForwardPass& pass) const override;
  std::optional<InferenceConvolution> convolution_in(ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  Options options_;
};
using DepthwiseConv1DLayer = DepthwiseConvLayer<1>;  ///< the layer DepthwiseConv1D
using DepthwiseConv2DLayer = DepthwiseConvLayer<2>;  ///< the layer DepthwiseConv2D
extern template class LayerHandle<DepthwiseConv1DLayer>;
extern template class LayerHandle<DepthwiseConv2DLayer>;
using DepthwiseConv1D = LayerHandle<DepthwiseConv1DLayer>;
using DepthwiseConv2D = LayerHandle<DepthwiseConv2DLayer>;

/// y = activation(conv(depthwise_conv(x, depthwise_kernel), pointwise_kernel) + bias), from (n, extents, channels) to
/// (n, out extents, filters). Parameters: depthwise_kernel (kernel size, channels, depth_multiplier), pointwise_kernel
/// (1 along each axis, channels * depth_multiplier, filters) and bias (filters).
template <int axes>
class SeparableConvLayer final : public LinearMapLayer {
 public:
  struct Options {
    Required<std::int64_t> filters;  ///< number of output channels, at least 1
    AxesSize<axes> kernel_size = 1;  ///< extents of the depthwise kernel
    AxesSize<axes> strides = 1;      ///< step of the depthwise kernel along each axis
    /// Zeros around the input: valid (none), same, or explicit amounts; for one axis also causal
    AxesPadding<axes> padding = AxesPadding<axes>::valid;
    AxesSize<axes> dilation_rate = 1;        ///< distance between neighbouring kernel elements; 1: dense kernel
    std::int64_t depth_multiplier = 1;       ///< number of depthwise filters for each channel, at least 1
    ActivationFunction activation = linear;  ///< applied after the bias
    bool use_bias = true;                    ///< add a learned bias
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
  explicit SeparableConvLayer(Options options);

  std::string type() const override { return fmt::format("SeparableConv{}D", axes); }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable mapped(const Variable& x, ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  Options options_;
};
using SeparableConv1DLayer = SeparableConvLayer<1>;  ///< the layer SeparableConv1D
using SeparableConv2DLayer = SeparableConvLayer<2>;  ///< the layer SeparableConv2D
extern template class LayerHandle<SeparableConv1DLayer>;
extern template class LayerHandle<SeparableConv2DLayer>;
using SeparableConv1D = LayerHandle<SeparableConv1DLayer>;
using SeparableConv2D = LayerHandle<SeparableConv2DLayer>;

}  // namespace xtape
