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

/// y = minimum of x over the axes; the rest as for max.
Variable min(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = product of x over the axes, 1 over no elements; multiplied in pairs, so that the derivative, dy times the
/// product of the other elements, is right where elements are 0. Saves about 2 x.
Variable prod(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = sum of (x - mean)^2 over the axes, divided by n - ddof: the variance, with ddof = 1 Bessel's estimate. Made of
/// other functions, which save x and its distances from the mean. Error unless n > ddof >= 0.
Variable var(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false, int ddof = 0);
/// The standard deviation, the square root of the variance; NumPy's std. Its derivative is infinite where it is 0.
Variable stddev(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false, int ddof = 0);

/// y[i] = x[0] + ... + x[i] along an axis, accumulated in float64. dx[i] = dy[i] + dy[i + 1] + ...; saves nothing.
Variable cumsum(const Variable& x, int axis);

/// Positions of the greatest and of the least elements along an axis, int64: of equal ones the first, and of the first
/// NaN where there is one, as in NumPy. Any element type. Error when the axis holds no elements.
Tensor argmax(const Variable& x, int axis = -1, bool keep_dims = false);
Tensor argmin(const Variable& x, int axis = -1, bool keep_dims = false);

}  // namespace xtape
