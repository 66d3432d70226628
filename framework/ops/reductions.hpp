// Reductions over axes. Negative axes count from the end; no axes means all axes; keep_dims keeps the reduced axes
// with extent 1. Error if an axis does not exist or is given twice.
#pragma once

#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = sum of x over the axes, accumulated in float64; 0 if there are no elements. dx = dy repeated along the axes;
/// saves only the shape.
Variable sum(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = mean of x over the axes, accumulated in float64. dx = dy / n repeated along the axes; saves only the shape.
/// Error if the axes hold no elements.
Variable mean(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = maximum of x over the axes; NaN if an element is NaN. dy flows to the first (in row-major order) of equal
/// elements; saves x and y. Error if the axes hold no elements.
Variable max(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = minimum of x over the axes; NaN if an element is NaN. dy flows to the first (in row-major order) of equal
/// elements; saves x and y. Error if the axes hold no elements.
Variable min(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// y = product of x over the axes, 1 if there are no elements. It is multiplied in pairs, so that the derivative,
/// dy times the product of the other elements, is correct where elements are 0. Saves about twice the memory of x.
Variable prod(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false);

/// The variance: the sum of (x - mean)^2 over the axes, divided by n - ddof; ddof = 1 gives Bessel's correction. It is
/// composed of other ops, which save x and its deviations from the mean. Error unless n > ddof >= 0.
Variable var(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false, int ddof = 0);
/// The standard deviation, the square root of var() (NumPy's std), also if the variance leaves the range of the type.
/// Where it is 0, its derivative is NaN: an infinite one times the deviations, which are 0.
Variable stddev(const Variable& x, const std::vector<int>& axes = {}, bool keep_dims = false, int ddof = 0);

/// y[i] = x[0] + ... + x[i] along an axis, accumulated in float64. dx[i] = dy[i] + dy[i + 1] + ...; saves nothing.
Variable cumsum(const Variable& x, int axis);

/// The int64 index of the greatest element along an axis; the first one of equal elements. As in NumPy, the index of
/// the first NaN if there is one. x may have any type. Error if the axis holds no elements.
Tensor argmax(const Variable& x, int axis = -1, bool keep_dims = false);
/// The int64 index of the least element along an axis. Otherwise as argmax.
Tensor argmin(const Variable& x, int axis = -1, bool keep_dims = false);

}  // namespace xtape
