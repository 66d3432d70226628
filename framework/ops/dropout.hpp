// Dropout (Srivastava et al., JMLR 2014).
#pragma once

#include "framework/autograd/forward_pass.hpp"

namespace xtape {

/// In training each element becomes 0 with probability `rate`, the others x / (1 - rate); in inference x itself. Drawn
/// from a stream of the pass of its own, so the same whatever the number of threads. Saves the mask. Error unless 0 <=
/// rate < 1.
Variable dropout(const Variable& x, double rate, ForwardPass& pass);

}  // namespace xtape
