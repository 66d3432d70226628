// ResNet-50 (He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016), and the blocks it is made
// of.
#pragma once

#include <array>

#include "models/model.hpp"

namespace xtape {

/// What the blocks of a network have in common.
struct ResidualOptions {
  /// Of the batch normalizations. Keras's default keeps a statistic for some 100 steps: see recalibrate_batch_norm().
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool bias_correction = false;
};

/// Where a block stands: names are res{stage}{block}_branch2a and bn{stage}{block}_branch2a.
struct BlockName {
  int stage;
  char block;
};

/// Bottleneck whose shortcut is the input itself: 1x1, f x f (same), 1x1 convolutions with batch normalization, ReLU
/// between; then input + that, ReLU. filters[2] must equal the input's channels (Error otherwise).
SymbolicTensor identity_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                              BlockName name, const ResidualOptions& options = {});

/// Bottleneck whose shortcut is a 1x1 convolution with batch normalization; the stride is on the first convolution and
/// on the shortcut.
SymbolicTensor convolutional_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                                   std::int64_t stride, BlockName name, const ResidualOptions& options = {});

enum class Pooling { average2x2, global_average };

/// The lab's network by default: 64x64x3 images, 6 classes, average pooling 2x2 before the last layer: 23,600,006
/// parameters, 53,120 of them moving averages. For ImageNet: {.input = {224, 224, 3}, .classes = 1000,
/// .pooling = Pooling::global_average}.
struct ResNet50Options {
  Shape input = {64, 64, 3};
  std::int64_t classes = 6;
  Pooling pooling = Pooling::average2x2;
  ResidualOptions residual = {};
  std::uint64_t seed = 0;
};

/// Logits (n, classes) for images (n, input...). Error when the images are too small.
Model resnet50(const ResNet50Options& options = {});

}  // namespace xtape
