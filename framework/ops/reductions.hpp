// Reductions over axes. Negative axes count from the end; no axes means all of them; keep_dims leaves the reduced axes
// in place with extent 1. Error for an axis that does not exist or comes twice.
#pragma once

#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = sum of x over the axes, accumulated in float64; 0 over no elements. dx = dy repeated along the axes; saves the
/// shape alone.
Variable sum(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = mean of x over the axes, accumulated in float64. dx = dy / n repeated along the axes; saves the shape alone.
/// Error when the axes hold no elements.
Variable mean(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = maximum of x over the axes, NaN when there is one. dy goes to the first (in row-major order) of equal elements;
/// saves x and y. Error when the axes hold no elements.
Variable max(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

}  // namespace xtape
