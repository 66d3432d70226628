// Conv1DTranspose, Conv2DTranspose and Conv3DTranspose: transposed convolutions with learned kernels.
#pragma once

#include <optional>

#include "layers/convolution/axes.hpp"
#include "layers/core/linear_map.hpp"

namespace xtape {

/// y = activation(conv_input_gradient(x, kernel) + bias) with conv1d_input_gradient, conv2d_input_gradient or
/// conv3d_input_gradient, from (n, extents, channels) to (n, out extents, filters). With k = (kernel size - 1) dilation
/// rate + 1, an axis of the output has, as in Keras, the extent
/// - valid padding: (in - 1) stride + k + output padding, which is max(k, stride) - k if not given;
/// - same padding: in stride, or (in - 1) stride + k mod 2 + output padding if given.
/// Parameters: kernel (kernel size, filters, channels) and bias (filters).
template <int axes>
class ConvTransposeLayer final : public LinearMapLayer {
 public:
  struct Options {
    Required<std::int64_t> filters;  ///< number of output channels, at least 1
    AxesSize<axes> kernel_size = 1;  ///< extents of the kernel
    AxesSize<axes> strides = 1;      ///< distance of neighbouring inputs in the output
    /// What is cut off the output: valid (nothing) or same
    AxesPadding<axes> padding = AxesPadding<axes>::valid;
    /// Added to the smallest output with this input, less than the strides; nothing: the extent above
    std::optional<AxesSize<axes>> output_padding = std::nullopt;
    AxesSize<axes> dilation_rate = 1;        ///< distance between neighbouring kernel elements; 1: dense kernel
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
      field("output_padding", options.output_padding);
      field("dilation_rate", options.dilation_rate);
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
  /// Error unless filters >= 1, padding is valid or same, and output padding is at least 0 and less than the strides.
  explicit ConvTransposeLayer(Options options);

  std::string type() const override { return fmt::format("Conv{}DTranspose", axes); }
  LayerConfig config() const override { return config_of(options_); }
  const Options& options() const { return options_; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override;
  std::vector<ParameterSpec> parameter_specs(const std::vector<TensorSpec>& inputs) const override;
  Variable mapped(const Variable& x, ForwardPass& pass) const override;
  /// The number of positions of the input, to which `output` is convolved.
  Extent kernel_positions(const PartialShape& output) const override;
  const ActivationFunction& activation() const override { return options_.activation; }
  bool use_bias() const override { return options_.use_bias; }

 private:
  std::vector<std::int64_t> output_extents(const std::vector<std::int64_t>& inputs) const;

  Options options_;
};

using Conv1DTransposeLayer = ConvTransposeLayer<1>;  ///< the layer Conv1DTranspose
using Conv2DTransposeLayer = ConvTransposeLayer<2>;  ///< the layer Conv2DTranspose
using Conv3DTransposeLayer = ConvTransposeLayer<3>;  ///< the layer Conv3DTranspose
extern template class LayerHandle<Conv1DTransposeLayer>;
extern template class LayerHandle<Conv2DTransposeLayer>;
extern template class LayerHandle<Conv3DTransposeLayer>;
using Conv1DTranspose = LayerHandle<Conv1DTransposeLayer>;
using Conv2DTranspose = LayerHandle<Conv2DTransposeLayer>;
using Conv3DTranspose = LayerHandle<Conv3DTransposeLayer>;

}  // namespace xtape
