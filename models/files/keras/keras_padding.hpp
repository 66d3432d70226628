// Convolutions with amounts of padding, which Keras's convolutions do not have. Internal to models/ and training/.
#pragma once

#include "models/graph/model.hpp"

namespace xtape {

/// A model with the same outputs and parameters by path, in which a ZeroPadding layer is in front of each convolution
/// that has amounts of padding. It is named after the convolution, "conv_padding" for "conv". The model itself if it
/// has no such convolution. Error with the name of a layer that Keras lacks if it has one.
Model with_padding_layers(const Model& model);

}  // namespace xtape
