// Conv1D, Conv2D and Conv3D: convolutions of sequences, images and volumes with learned kernels.
#pragma once

#include "layers/convolution/axes.hpp"
#include "layers/core/linear_map.hpp"

namespace xtape {

/// y = activation(conv(x, kernel) + bias) with conv1d, conv2d or conv3d, from (n, extents, channels) to (n, out
/// extents, filters), where the extents are (length), (height, width) or (depth, height, width). Parameters: kernel
/// (kernel size, channels / groups, filters) and bias (filters).
template <int axes>
class ConvLayer final : public LinearMapLayer {
 public:
  struct Options {
    Required<std::int64_t> filters;  ///< number of output channels, at least 1
    AxesSize<axes> kernel_size = 1;  ///< extents of the kernel
    AxesSize<axes> strides = 1;      ///< step of the kernel along each axis
    /// Zeros around the input: valid (none), same, or explicit amounts; for Conv1D also causal
    AxesPadding<axes> padding = AxesPadding<axes>::valid;
    AxesSize<axes> dilation_rate = 1;        ///< distance between neighbouring kernel elements; 1: dense kernel
    std::int64_t groups = 1;                 ///< groups into which channels and filters are divided; a divisor of both
    ActivationFunction activation = linear;  ///< applied after the bias
    bool use_bias = true;                    ///< add a learned bias
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
  explicit ConvLayer(Options options);

  std::string type() const override { return fmt::format("Conv{}D", axes); }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable mapped(const Variable& x, ForwardPass& pass) const override;
  std::optional<InferenceConvolution> convolution_in(ForwardPass& pass) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

  /// The strides, the padding, the dilation rate and the groups, as the op takes them.
  typename Axes<axes>::Convolution convolution() const;

 private:
  Options options_;
};

using Conv1DLayer = ConvLayer<1>;  ///< the layer Conv1D
using Conv2DLayer = ConvLayer<2>;  ///< the layer Conv2D
using Conv3DLayer = ConvLayer<3>;  ///< the layer Conv3D
extern template class LayerHandle<Conv1DLayer>;
extern template class LayerHandle<Conv2DLayer>;
extern template class LayerHandle<Conv3DLayer>;
using Conv1D = LayerHandle<Conv1DLayer>;
using Conv2D = LayerHandle<Conv2DLayer>;
using Conv3D = LayerHandle<Conv3DLayer>;

}  // namespace xtape
