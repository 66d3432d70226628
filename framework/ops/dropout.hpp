// Dropout (Srivastava et al., JMLR 2014).
#pragma once

#include "framework/autograd/forward_pass.hpp"

namespace xtape {

/// In training, each element becomes 0 with probability `rate`, and otherwise x / (1 - rate). In the other modes the
/// result is x itself. Each call draws from a separate random stream of the pass, so results do not depend on the
/// number of threads. Saves the mask. Error unless `0 <= rate < 1`; in training also if PassOptions::step is not set.
Variable dropout(const Variable& x, double rate, ForwardPass& pass);
/// As above, with one draw for each element of the shape `draws`, whose extents are those of x or 1: the elements along
/// an axis of extent 1 share a draw.
Variable dropout(const Variable& x, double rate, const Shape& draws, ForwardPass& pass);

}  // namespace xtape
