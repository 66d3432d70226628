// Squeeze-and-excitation (Hu, Shen, Sun, CVPR 2018). Internal to models/zoo/.
#pragma once

#include "models/zoo/network_builder.hpp"

namespace xtape {

/// Options of squeeze_excite(). The names are those of the layers.
struct SqueezeExciteSpec {
  std::int64_t channels;          ///< number of channels between the two convolutions
  ActivationFunction activation;  ///< after the first convolution
  ActivationFunction gate;        ///< after the second convolution
  Initializer initializer;        ///< of the kernels of both convolutions
  std::string pool, reduce, expand, multiply;
};

/// Multiplies each channel of x by a number that two 1x1 convolutions compute from the means of all channels.
SymbolicTensor squeeze_excite(const SymbolicTensor& x, const SqueezeExciteSpec& spec);

}  // namespace xtape
