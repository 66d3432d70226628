// ResNet-50 (He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016) and its blocks.
#pragma once

#include <array>

#include "models/graph/model.hpp"

namespace xtape {

/// Options of the batch normalizations in all blocks of a network.
struct ResidualOptions {
  /// The weight of the old moving average in an update. The default, that of Keras, averages over about 100 steps; see
  /// recalibrate_batch_norm().
  double momentum = 0.99;
  double epsilon = 1e-3;         ///< added to the variance before the square root
  bool bias_correction = false;  ///< remove the start values from the moving averages in inference
  bool synchronized = false;     ///< see BatchNormalization
};

/// The position of a block. Its layers have names such as res{stage}{block}_branch2a and bn{stage}{block}_branch2a.
struct BlockName {
  int stage;   ///< number of the stage
  char block;  ///< letter of the block in the stage, from 'a'
};

/// A bottleneck block whose shortcut is the input: convolutions of 1x1, f x f (same padding) and 1x1 with batch
/// normalization, and ReLU between them; then the sum with the input, and ReLU. `filters` are the output channels of
/// the three convolutions. Error unless filters[2] equals the channels of the input.
SymbolicTensor identity_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                              BlockName name, const ResidualOptions& options = {});

/// A bottleneck block whose shortcut is a 1x1 convolution with batch normalization. The first convolution and the
/// shortcut have the stride `stride`. Otherwise the block is that of identity_block(), for any number of channels.
SymbolicTensor convolutional_block(const SymbolicTensor& input, std::int64_t f, std::array<std::int64_t, 3> filters,
                                   std::int64_t stride, BlockName name, const ResidualOptions& options = {});

/// The pooling before the last layer of ResNet-50.
enum class Pooling {
  average2x2,      ///< the mean of each window of 2x2 pixels
  global_average,  ///< the mean of each channel
};

/// Options of resnet50(). The default is for images of 64x64x3 and 6 classes, with 2x2 average pooling before the last
/// layer; it has 23,600,006 parameters, of which 53,120 are moving averages. For ImageNet:
/// `{.input = {224, 224, 3}, .classes = 1000, .pooling = Pooling::global_average}`.
struct ResNet50Options {
  Shape input = {64, 64, 3};              ///< shape of one image: height, width, channels
  std::int64_t classes = 6;               ///< number of outputs
  Pooling pooling = Pooling::average2x2;  ///< the pooling before the last layer
  ResidualOptions residual = {};          ///< options of the batch normalizations
  std::uint64_t seed = 0;                 ///< seed of the initial values
};

/// A model that computes logits (n, classes) from images (n, height, width, channels). Error when the images are too
/// small.
Model resnet50(const ResNet50Options& options = {});

}  // namespace xtape
