// The gradient of a function as a function, so that the gradient checker can check gradients of gradients.
#pragma once

#include "gradcheck/differentiable_function.hpp"

namespace xtape {

/// The function (x1, ..., xn, c) -> the derivatives of `<c, f(x1, ..., xn)>` with respect to all x, concatenated in one
/// vector. It is differentiable through gradients(). A call throws Error if a derivative of f is not differentiable.
DifferentiableFunction gradient_function(const DifferentiableFunction& f);

}  // namespace xtape
