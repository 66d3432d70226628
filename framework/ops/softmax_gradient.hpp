// The linear maps in the derivatives of softmax and log_softmax. Internal to ops/.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// v - (sum of p v along the axis) with p = softmax(x), with full precision also where p is near 1. Differentiable.
Variable without_mean(const Variable& v, const Variable& x, int axis);

/// The transpose of without_mean as a linear map of v: v - p (sum of v along the axis).
Variable without_share(const Variable& v, const Variable& x, int axis);

}  // namespace xtape
