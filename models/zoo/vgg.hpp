// VGG: stages of 3x3 convolutions and max pooling, then three dense layers.
#pragma once

#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// VGG with 11, 13, 16 or 19 layers (Simonyan and Zisserman: Very deep convolutional networks for large-scale image
/// recognition, ICLR 2015, table 1, columns A, B, D, E), with logits as output and Keras's layer names. For images of
/// 224x224x3 and 1000 classes it has 138,357,544 (16) or 143,667,240 (19) parameters. torchvision's details add dropout
/// of 0.5 after the first two dense layers. Error for another depth, or when the extents of the images are unknown
/// although include_top is set.
Model vgg(int depth, const NetworkOptions& options = {});

}  // namespace xtape
