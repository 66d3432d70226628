// ConvNet: convolutions with pooling and a dense layer. The default is small enough to train in a minute.
#pragma once

#include "framework/ops/window.hpp"
#include "layers/parameters/initializer.hpp"
#include "models/graph/model.hpp"

namespace xtape {

/// One stage: convolution (same padding, stride 1), ReLU, max pooling (same padding, strides equal to the window).
struct ConvNetStage {
  std::int64_t filters;  ///< output channels of the convolution
  Extent2D kernel_size;  ///< height and width of the kernel, in pixels
  Extent2D pool_size;    ///< height and width of the pooling window, in pixels
};

/// Options of conv_net(). The default is the network of the `lab` command: convolution 4x4x3->8, pooling 8; convolution
/// 2x2x8->16, pooling 4; flatten (64); dense 6; convolutions without biases.
struct ConvNetOptions {
  Shape input = {64, 64, 3};                                   ///< shape of one image: height, width, channels
  std::int64_t classes = 6;                                    ///< number of outputs
  std::vector<ConvNetStage> stages = {{8, 4, 8}, {16, 2, 4}};  ///< the convolutions, from the input on
  bool use_bias = false;                                       ///< add biases in the convolutions
  bool batch_normalization = false;                            ///< between convolution and ReLU
  std::int64_t hidden_units = 0;                      ///< units of a dense ReLU layer before the last layer; 0 for none
  double dropout = 0;                                 ///< rate of a Dropout before the last dense layer; 0 for none
  Initializer kernel_initializer = glorot_uniform();  ///< of the kernels of the convolutions
  std::uint64_t seed = 0;                             ///< seed of the initial values
};

/// A model that computes logits (n, classes) from images (n, height, width, channels). Error when the options are not
/// consistent.
Model conv_net(const ConvNetOptions& options = {});

/// Options for images of 28x28x1 and 10 classes, such as Fashion-MNIST.
ConvNetOptions small_image_options();

}  // namespace xtape
