// EfficientNet-B0.
#pragma once

#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// EfficientNet-B0 (Tan and Le: EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019,
/// table 1), with logits as output and Keras's layer names; dropout of 0.2 before the last layer, and stochastic depth
/// of up to 0.2 on the residual branches. For 1000 classes it has 5,330,564 parameters, moving averages included: those
/// of Keras without the 7 numbers of its layers that normalize the images, which are left out.
Model efficientnet_b0(const NetworkOptions& options = {});

}  // namespace xtape
