// The golden functions by PyTorch: inputs and what it makes of them.
#pragma once

#include <map>
#include <string>

#include "tests/peer/case.hpp"

namespace xtape::peer {

struct GoldenPeer {
  std::vector<Tensor> inputs;
  TorchFunction function;
};

/// One for each of golden::golden_functions(), under the same name.
std::map<std::string, GoldenPeer> golden_peers();

}  // namespace xtape::peer
