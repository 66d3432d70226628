// The golden functions in PyTorch: their inputs and results.
#pragma once

#include <map>
#include <string>

#include "tests/peer/case.hpp"

namespace xtape::peer {

struct GoldenPeer {
  std::vector<Tensor> inputs;
  TorchFunction function;
};

/// One for each of golden::golden_functions(), with the same name.
std::map<std::string, GoldenPeer> golden_peers();

}  // namespace xtape::peer
