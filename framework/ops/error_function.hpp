// The error function.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = erf x = 2 / pi^(1/2) times the integral of e^(-t^2) from 0 to x. dx = dy 2 / pi^(1/2) e^(-x^2); saves x.
Variable erf(const Variable& x);

}  // namespace xtape
