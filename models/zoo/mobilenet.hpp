// MobileNets: networks of depthwise convolutions for small machines.
#pragma once

#include "models/graph/model.hpp"
#include "models/zoo/network_options.hpp"

namespace xtape {

/// MobileNet V1 (Howard et al.: MobileNets: efficient convolutional neural networks for mobile vision applications,
/// 2017, table 1), with logits as output and Keras's layer names. `alpha` multiplies the numbers of channels. With
/// alpha 1 and 1000 classes it has 4,253,864 parameters, moving averages included. Error unless alpha is above 0, or
/// for torchvision's details, which has no such network.
Model mobilenet_v1(const NetworkOptions& options = {}, double alpha = 1);

/// MobileNet V2 (Sandler et al.: MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018, table 2), with
/// logits as output and Keras's layer names. `alpha` multiplies the numbers of channels. With alpha 1 and 1000 classes
/// it has 3,538,984 parameters, moving averages included. torchvision's details add dropout of 0.2. Error unless alpha
/// is above 0.
Model mobilenet_v2(const NetworkOptions& options = {}, double alpha = 1);

/// The two sizes of MobileNet V3.
enum class MobileNetSize { small, large };

/// MobileNet V3 (Howard et al.: Searching for MobileNetV3, ICCV 2019, tables 1 and 2), with logits as output and
/// Keras's layer names; dropout of 0.2 before the last layer. Images have values in [-1, 1]: Keras's layer that
/// rescales them is left out. `alpha` multiplies the numbers of channels. With alpha 1 and 1000 classes it has
/// 2,554,968 (small) or 5,507,432 (large) parameters, moving averages included. Error unless alpha is above 0.
Model mobilenet_v3(MobileNetSize size, const NetworkOptions& options = {}, double alpha = 1);

}  // namespace xtape
