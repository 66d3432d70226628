// ConvNet: two convolutions with pooling and a dense layer, small enough to train in a minute.
#pragma once

#include "framework/ops/window.hpp"
#include "layers/initializer.hpp"
#include "models/model.hpp"

namespace xtape {

/// One stage: convolution (SAME, stride 1), ReLU, max pooling (SAME, stride as large as the window).
struct ConvNetStage {
  std::int64_t filters;
  Extent2D kernel_size;
  Extent2D pool_size;
};

/// The lab's network by default: 4x4x3->8, pool 8; 2x2x8->16, pool 4; flatten (64); dense 6. Without convolution
/// biases.
struct ConvNetOptions {
  Shape input = {64, 64, 3};
  std::int64_t classes = 6;
  std::vector<ConvNetStage> stages = {{8, 4, 8}, {16, 2, 4}};
  bool use_bias = false;             ///< in the convolutions
  bool batch_normalization = false;  ///< between convolution and ReLU
  std::int64_t hidden_units = 0;     ///< a dense ReLU layer before the last one; 0 for none
  double dropout = 0;                ///< before the last dense layer
  Initializer kernel_initializer = glorot_uniform();
  std::uint64_t seed = 0;
};

/// Logits (n, classes) for images (n, input...). Error when the options do not fit each other.
Model conv_net(const ConvNetOptions& options = {});

/// Options that suit 28x28x1 images of 10 classes, such as Fashion-MNIST.
ConvNetOptions small_image_options();

}  // namespace xtape
