// The linear maps of which the derivatives of softmax and log_softmax consist. Internal to ops/.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// v - (sum of p v along the axis) with p = softmax(x), with all digits also where p is near 1. Differentiable.
Variable without_mean(const Variable& v, const Variable& x, int axis);

/// Its transpose: v - p (sum of v along the axis).
Variable without_share(const Variable& v, const Variable& x, int axis);

}  // namespace xtape
