// ResNet of any depth, for images such as ImageNet's and for CIFAR.
#pragma once

#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// ResNet with 18, 34, 50, 101 or 152 layers (He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR
/// 2016, table 1), with logits as output. The layers have Keras's names, such as "conv2_block1_1_conv". Keras has no
/// ResNet-18 and 34; their blocks of two convolutions are named likewise. Parameters for 1000 classes, without moving
/// averages: 11,689,512 (18), 21,797,672 (34), 25,557,032 (50), 44,549,160 (101), 60,192,808 (152) with torchvision's
/// details. Error for another depth.
Model resnet(int depth, const NetworkOptions& options = {});

/// ResNet V2 with 50, 101 or 152 layers, where batch normalization and ReLU precede each convolution (He, Zhang, Ren,
/// Sun: Identity mappings in deep residual networks, ECCV 2016). It has Keras's layer names and parameters: 25,613,800
/// (50), 44,675,560 (101), 60,380,648 (152) for 1000 classes. Error for another depth, or for torchvision's details,
/// which has no such network.
Model resnet_v2(int depth, const NetworkOptions& options = {});

/// ResNet for images of 32x32 (He et al., CVPR 2016, section 4.2): 6 n + 2 layers, that is 8, 20, 32, 44, 56 or 110, in
/// three stages of 16, 32 and 64 channels, with logits as output. The shortcuts to more channels are 1x1 convolutions.
/// With Keras's details each convolution has a bias, as in Keras's example (20 layers: 274,442 parameters with moving
/// averages) and in MLPerf Tiny (8 layers: 78,666). Error unless the depth is 6 n + 2 with n >= 1.
Model cifar_resnet(int depth, const NetworkOptions& options = {.input = {32, 32, 3}, .classes = 10});

}  // namespace xtape
