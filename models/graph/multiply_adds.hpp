// The number of multiply-adds of a network.
#pragma once

#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// The multiply-adds of convolutions and dense layers for one sample. Products with padding are included. Other
/// arithmetic is not counted, as is usual: in ResNet-50 it is below 1 %. The arithmetic of a custom layer, and of a
/// layer whose output has an unknown extent, is unknown; their calls are counted instead. For a custom layer that holds
/// other layers and has no parameters itself, the inner layers are counted, one call each.
struct MultiplyAdds {
  double forward = 0;  ///< multiply-adds of the forward pass
  /// Multiply-adds of the backward pass: those of the forward pass again for the gradient of each trained kernel, and
  /// for the gradient of each input that depends on a trained parameter (that of the first layer does not).
  double backward = 0;
  /// Number of calls of custom layers, and of layers whose outputs have unknown extents. Their multiply-adds are not
  /// included.
  std::int64_t unknown = 0;
};

/// The multiply-adds of each of model.nodes(). Those of a model used as a layer include all its layers.
std::vector<MultiplyAdds> multiply_adds_of_nodes(const Model& model);

/// The multiply-adds of the whole network.
MultiplyAdds multiply_adds(const Model& model);

}  // namespace xtape
