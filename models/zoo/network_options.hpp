// The options that the networks for image classification have in common.
#pragma once

#include <cstdint>
#include <optional>

#include "layers/graph/tensor_spec.hpp"

namespace xtape {

/// The implementation that a network follows where those of one paper differ, so that its weight files fit.
enum class Implementation {
  /// Keras: `same` padding in front of strided convolutions of the mobile networks, biases in the convolutions of
  /// ResNet, the first convolution of a ResNet block has the stride, Keras's initializers and constants of batch
  /// normalization.
  keras,
  /// torchvision: equal padding on all sides, no biases before batch normalization, the 3x3 convolution of a ResNet
  /// block has the stride, initial kernels of variance 2 / fan_out (He et al., ICCV 2015), batch normalization with
  /// momentum 0.9 and epsilon 1e-5. Layers with parameters have the names of torchvision's modules, such as
  /// "layer1.0.conv1", so that load_weights() reads state_dicts.
  torchvision,
};

/// Options of the networks in this folder. `{.input = {32, 32, 3}, .classes = 10}` is a network for small images;
/// `{.input = {any, any, 3}, .include_top = false}` is a backbone for images of any size.
struct NetworkOptions {
  PartialShape input = {224, 224, 3};  ///< shape of one image: height, width, channels
  std::int64_t classes = 1000;         ///< number of outputs
  /// Compute logits (n, classes). Otherwise the model ends with the last feature map (n, height, width, channels); see
  /// feature_maps() for the others.
  bool include_top = true;
  Implementation implementation = Implementation::keras;  ///< which implementation's details the network has
  /// Momentum of the batch normalizations; by default that of the implementation. Keras's 0.999 for MobileNet V2 and V3
  /// needs thousands of steps; take 0.9 for short trainings.
  std::optional<double> momentum = std::nullopt;
  bool synchronized = false;  ///< see BatchNormalization
  /// Rate of the dropout before the last layer; by default that of the implementation. Without effect on networks
  /// without dropout (ResNet, DenseNet).
  std::optional<double> dropout = std::nullopt;
  std::uint64_t seed = 0;  ///< seed of the initial values
};

}  // namespace xtape
