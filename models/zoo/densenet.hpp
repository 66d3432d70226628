// DenseNet: each layer reads the outputs of all layers before it in its block.
#pragma once

#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// DenseNet with 121, 169 or 201 layers and growth rate 32 (Huang, Liu, van der Maaten, Weinberger: Densely connected
/// convolutional networks, CVPR 2017, table 1), with logits as output and Keras's layer names. For 1000 classes it has
/// 8,062,504 (121), 14,307,880 (169) or 20,242,984 (201) parameters, moving averages included. Error for another depth.
Model densenet(int depth, const NetworkOptions& options = {});

}  // namespace xtape
