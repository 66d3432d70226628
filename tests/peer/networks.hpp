// Whole networks in both libraries: one or more training steps with the same weights.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "models/graph/model.hpp"
#include "tests/peer/compare.hpp"

namespace xtape::peer {

/// The parameters of a model as torch tensors, by their path ("conv1/kernel"), in xtape's layout.
using Weights = std::map<std::string, at::Tensor>;

/// The network in PyTorch, for arrays in xtape's layout. In training it updates the moving averages in the weights.
using TorchNetwork = std::function<at::Tensor(Weights& weights, const at::Tensor& images, bool training)>;

struct NetworkCase {
  std::string name;
  Model model;
  TorchNetwork theirs;
  std::int64_t batch = 3;
  /// The loss is the softmax cross-entropy of random labels, otherwise <random cotangent, output>.
  bool classifies = false;
  int steps = 1;  ///< forward and backward passes in training, each on another batch
  /// Whether the gradient of a parameter is 0 by definition, as that of a bias before a batch normalization. Such a
  /// gradient consists of rounding errors and is compared with the norm of the kernel gradient of the same layer.
  std::function<bool(const std::string& path)> cancels = [](const std::string&) { return false; };
};

/// Converts the model to float64 and draws its biases, gammas, betas and moving averages, so that none is 0 or 1. Then
/// compares by norm: output and loss, the gradient of the images and of every trainable parameter, the moving averages
/// after the step, and the output in inference.
void compare_network(Comparison& comparison, const NetworkCase& network, std::uint64_t seed);

/// ResNet-50 for 64x64x3 images and 6 classes, with a batch of 4. The PyTorch side is written from the description of
/// the lab, not made from the model's graph.
Comparison compare_resnet50(std::uint64_t seed, const ComparisonOptions& options);

/// The lab's ConvNet, and one with biases, batch normalization and a hidden layer.
Comparison compare_conv_nets(std::uint64_t seed, const ComparisonOptions& options);

/// Every layer that computes numbers, in a separate model.
Comparison compare_layers(std::uint64_t seed, const ComparisonOptions& options);

/// Layers for TorchNetworks on images (n, channels, height, width). `name` is the name of the layer. Bias and gamma are
/// used if the weights have them. `padding` is in pixels on all sides.
at::Tensor torch_conv(const Weights& weights, const std::string& name, const at::Tensor& nchw, std::int64_t stride = 1,
                      std::int64_t padding = 0);
/// `momentum` is Keras's, the weight of the old moving average; PyTorch's is 1 - momentum.
at::Tensor torch_normalization(Weights& weights, const std::string& name, const at::Tensor& nchw, bool training,
                               double momentum = 0.99, double epsilon = 1e-3);
at::Tensor torch_dense(const Weights& weights, const std::string& name, const at::Tensor& x);

}  // namespace xtape::peer
