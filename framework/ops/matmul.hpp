// Matrix products.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = a b for matrices (m, k) and (k, n). Arrays of more axes are stacks of matrices in their last two axes; the
/// leading axes broadcast as in NumPy. da = dy bT, db = aT dy, each summed over the axes along which that operand was
/// broadcast; saves a and b. Error unless both have 2 axes or more, the same type, and shapes that fit; reshape a
/// vector to (1, k) or (k, 1) first.
Variable matmul(const Variable& a, const Variable& b);

}  // namespace xtape
