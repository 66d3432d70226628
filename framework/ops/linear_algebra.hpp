// Functions of square matrices, computed by LAPACK. Arrays of more than 2 axes are stacks of matrices in their last two
// axes. All functions throw Error unless the matrices are square and float32 or float64.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The solution x of a x = b, for a (n, n) and b (n,) or (n, k). For stacks, b is (..., n, k) with the same leading
/// axes as a. db = a^-T dx, da = -db xT; saves a and x. Error when a is singular.
Variable solve(const Variable& a, const Variable& b);

/// y = a^-1. da = -yT dy yT; saves y. Error when a is singular.
Variable inverse(const Variable& a);

/// y = ln |det a|, of shape (), or of the leading axes for stacks. da = dy a^-T; saves a. Error when a is singular.
Variable log_determinant(const Variable& a);

/// The lower triangular y with y yT = a, for a symmetric and positive definite a (Error otherwise). Reads only the
/// lower triangle of a. da = (s + sT) / 2, s = y^-T phi(yT dy) y^-1, where phi keeps the lower triangle and half the
/// diagonal: the derivative among symmetric matrices (Murray: Differentiation of the Cholesky decomposition, 2016,
/// section 3); saves y.
Variable cholesky(const Variable& a);

}  // namespace xtape
