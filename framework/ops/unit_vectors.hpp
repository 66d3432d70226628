// Vectors of norm 1, for values whose squares leave the range of their type.
#pragma once

#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// For each reduction of x over the axes, which keep the extent 1: the largest power of two that is not above the
/// largest |x|, or 1 if that is 0 or not finite. Dividing by it rounds nothing but subnormal numbers, and squares of
/// the quotients do not overflow.
Tensor magnitude(const Variable& x, const std::vector<int>& axes);

/// x / max(sqrt(sum of x^2), smallest) with the sum over the axes, for smallest > 0, also if squares or the sum leave
/// the range of the type. Composed of other ops.
Variable unit_vectors(const Variable& x, const std::vector<int>& axes, double smallest);

}  // namespace xtape
