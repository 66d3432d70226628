// NetworkBuilder: makes the layers of a network by its options. Internal to models/zoo/.
#pragma once

#include <string>

#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// Constants of the batch normalizations of a network.
struct NormalizationConstants {
  double momentum;  ///< weight of the old moving average
  double epsilon;   ///< added to the variance
};

/// What Keras and torchvision use where they differ.
struct NetworkConstants {
  NormalizationConstants keras = {0.99, 1e-3};       ///< batch normalization in Keras
  NormalizationConstants torchvision = {0.9, 1e-5};  ///< batch normalization in torchvision
  Initializer keras_initializer = glorot_uniform();  ///< of the kernels of convolutions in Keras
  Initializer top_initializer = glorot_uniform();    ///< of the kernel of the last layer that classifier() makes
};

/// A convolution without bias and activation.
struct ConvolutionSpec {
  Required<std::int64_t> filters;  ///< number of output channels
  std::int64_t kernel_size = 1;    ///< height and width of the kernel
  std::int64_t strides = 1;        ///< step in both directions
  bool use_bias = false;           ///< add a bias
  Required<std::string> name;      ///< name of the layer
};

/// Makes layers that share the options of a network.
class NetworkBuilder {
 public:
  NetworkBuilder(const NetworkOptions& options, const NetworkConstants& constants);

  /// Whether the network follows torchvision.
  bool torchvision() const { return options_.implementation == Implementation::torchvision; }
  /// The rate of dropout: that of the options, or of the implementation.
  double dropout(double keras, double torchvision) const;
  /// The name of a layer in the implementation that the network follows.
  std::string name(std::string keras, std::string torchvision) const;
  /// The padding that keeps the size for stride 1: `same` in Keras, k / 2 on all sides in torchvision.
  Padding padding(std::int64_t kernel_size) const;
  /// The initializer of the kernels of convolutions.
  const Initializer& kernel_initializer() const { return kernel_initializer_; }

  SymbolicTensor convolution(const SymbolicTensor& x, const ConvolutionSpec& spec) const;
  SymbolicTensor convolution(const SymbolicTensor& x, const ConvolutionSpec& spec, const Padding& padding) const;
  SymbolicTensor depthwise(const SymbolicTensor& x, std::int64_t kernel_size, std::int64_t strides,
                           const std::string& name) const;
  SymbolicTensor depthwise(const SymbolicTensor& x, std::int64_t kernel_size, std::int64_t strides,
                           const std::string& name, const Padding& padding) const;
  SymbolicTensor normalization(const SymbolicTensor& x, const std::string& name) const;
  /// The model from `input` to global average pooling of the last feature map, dropout of the given rate and logits; or
  /// to the feature map, as the options say. `top` is torchvision's name of the last layer.
  Model classifier(const SymbolicTensor& input, const SymbolicTensor& features, double dropout_rate,
                   const std::string& name, const std::string& top) const;
  /// The model from `input` to `output`.
  Model model(const SymbolicTensor& input, const SymbolicTensor& output, const std::string& name) const;

 private:
  NetworkOptions options_;
  NormalizationConstants normalization_;
  Initializer kernel_initializer_, top_initializer_;
};

/// The number of channels of an image or feature map. Error when it is unknown.
std::int64_t channels_of(const SymbolicTensor& x);

/// The multiple of 8 next to `channels`, at least 8 and at least 0.9 of it (Howard et al.: MobileNets, 2017, and their
/// published code): channel counts of networks that are made wider or narrower.
std::int64_t multiple_of_8(double channels);

}  // namespace xtape
