// Elementary functions, element by element.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = x in another floating type; x itself if it has that type. dx = dy in the type of x; saves nothing. Error unless
/// both types are floating.
Variable cast(const Variable& x, DType dtype);

/// y = e^x. dx = dy y; saves y.
Variable exp(const Variable& x);

/// y = ln x. dx = dy / x; saves x.
Variable log(const Variable& x);

/// y = e^x - 1, with full precision also near 0. dx = dy e^x; saves x.
Variable expm1(const Variable& x);

/// y = ln(1 + x), with full precision also near 0. dx = dy / (1 + x); saves x.
Variable log1p(const Variable& x);

/// y = sin x, x in radians. dx = dy cos x; saves x.
Variable sin(const Variable& x);

/// y = cos x, x in radians. dx = -dy sin x; saves x.
Variable cos(const Variable& x);

/// y = x^(1/2). dx = dy / (2 y), infinite at 0; saves y.
Variable sqrt(const Variable& x);

/// y = |x|. dx = dy sign(x), 0 at 0; saves x.
Variable abs(const Variable& x);

/// y = 1 for x > 0, -1 for x < 0, else x (0 or NaN). The result is a constant: no derivative flows through it.
Tensor sign(const Variable& x);

/// y = x^2. dx = 2 dy x; saves x.
Variable square(const Variable& x);

/// y = x^p for a constant p. dx = dy p x^(p-1), 0 for p = 0; saves x.
Variable pow(const Variable& x, double p);

/// z = x^y with broadcasting. dx = dz y x^(y-1), 0 where x = y = 0; dy = dz z ln x, taken as 0 where x <= 0, where z is
/// not differentiable in y; saves x, y and z. Error unless the shapes broadcast and the types agree.
Variable pow(const Variable& x, const Variable& y);

}  // namespace xtape
