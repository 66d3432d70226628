// The gradient of a function as a function of its own, so that what checks derivatives can check gradients of
// gradients.
#pragma once

#include "gradcheck/differentiable_function.hpp"

namespace xtape {

/// (x1, ..., xn, c) -> the derivatives of <c, f(x1, ..., xn)> with respect to all x, behind one another in one vector.
/// Differentiable, through gradients(); Error when called for an f with a derivative that is not.
DifferentiableFunction gradient_function(const DifferentiableFunction& f);

}  // namespace xtape
