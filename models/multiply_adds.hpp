// How much arithmetic a network is.
#pragma once

#include <vector>

#include "models/model.hpp"

namespace xtape {

/// Multiply-adds of convolutions and dense layers for one sample, taps on padding included. All else is left out, as is
/// usual: in ResNet-50 it is below 1 %. What a custom layer computes is not known, nor that of a layer whose output has
/// an unknown extent; their calls are counted instead. Of a custom layer that holds others and has no parameters of its
/// own, the layers inside count, each called once.
struct MultiplyAdds {
  double forward = 0;
  /// As many again for the gradient of each kernel that is trained, and for the gradient of each input that depends on
  /// a trained parameter (the first layer's does not).
  double backward = 0;
  /// Calls of layers that are not xtape's, or whose outputs have unknown extents: their multiply-adds are in neither
  /// number.
  std::int64_t unknown = 0;
};

/// Of each of model.nodes(); a model used as a layer counts with all that is in it.
std::vector<MultiplyAdds> multiply_adds_of_nodes(const Model& model);

/// Of the whole network.
MultiplyAdds multiply_adds(const Model& model);

}  // namespace xtape
