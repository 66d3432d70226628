// How much arithmetic a network is.
#pragma once

#include "models/model.hpp"

namespace xtape::bench {

/// Multiply-adds of convolutions and dense layers for one image, taps on padding included. All else is left out, as is
/// usual: in ResNet-50 it is below 1 %.
struct MultiplyAdds {
  double forward = 0;
  /// With the backward pass: as many again for the gradient of each kernel, and for the gradient of each input that
  /// depends on a trained parameter (the first layer's does not).
  double training = 0;
};
MultiplyAdds multiply_adds(const Model& model);

}  // namespace xtape::bench
