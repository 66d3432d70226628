// The arithmetic of variables, element by element with NumPy's broadcasting.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = a + b. da = dy, db = dy, each summed over the axes along which that operand was broadcast; saves only the
/// shapes. Error unless the shapes broadcast and the types are equal, as for all functions of two variables in this
/// file.
Variable add(const Variable& a, const Variable& b);
/// y = a + b for a number b. da = dy; saves nothing.
Variable add(const Variable& a, double b);

/// y = a - b. da = dy, db = -dy; saves only the shapes.
Variable subtract(const Variable& a, const Variable& b);
/// y = a - b for a number b. da = dy; saves nothing.
Variable subtract(const Variable& a, double b);
/// y = a - b for a number a. db = -dy; saves nothing.
Variable subtract(double a, const Variable& b);

/// y = a b. da = dy b, db = dy a; saves a and b.
Variable multiply(const Variable& a, const Variable& b);
/// y = a b for a number b. da = dy b; saves nothing but b.
Variable multiply(const Variable& a, double b);

/// y = a / b. da = dy / b, db = -dy y / b; saves b and y.
Variable divide(const Variable& a, const Variable& b);
/// y = a / b for a number b. da = dy / b; saves nothing but b.
Variable divide(const Variable& a, double b);
/// y = a / b for a number a. db = -dy y / b; saves b and y.
Variable divide(double a, const Variable& b);

/// y = -x. dx = -dy; saves nothing.
Variable negate(const Variable& x);

/// y = max(a, b), NaN if a or b is NaN. dy flows to the greater operand, or to a if they are equal; saves a and b.
Variable maximum(const Variable& a, const Variable& b);

/// y = min(a, b), NaN if a or b is NaN. dy flows to the lesser operand, or to a if they are equal; saves a and b.
Variable minimum(const Variable& a, const Variable& b);

/// y = min(max(x, low), high), NaN for NaN. dx = dy where low <= x <= high or x is NaN, else 0; saves x. Error unless
/// low <= high.
Variable clip(const Variable& x, double low, double high);

/// The reverse of broadcasting: sums x over the axes along which `shape` is repeated when it is broadcast to the shape
/// of x. dx = broadcast_to(dy). Returns x itself if it already has the shape. Error if `shape` does not broadcast to
/// the shape of x.
Variable sum_to(const Variable& x, const Shape& shape);

/// Repeats x along new leading axes and along axes of extent 1, so that the result has the given shape. dx =
/// sum_to(dy). Returns x itself if it already has the shape. Error if x does not broadcast to the shape.
Variable broadcast_to(const Variable& x, const Shape& shape);

/// Computes add(a, b).
inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
/// Computes add(a, b).
inline Variable operator+(const Variable& a, double b) { return add(a, b); }
/// Computes add(b, a).
inline Variable operator+(double a, const Variable& b) { return add(b, a); }
/// Computes subtract(a, b).
inline Variable operator-(const Variable& a, const Variable& b) { return subtract(a, b); }
/// Computes subtract(a, b).
inline Variable operator-(const Variable& a, double b) { return subtract(a, b); }
/// Computes subtract(a, b).
inline Variable operator-(double a, const Variable& b) { return subtract(a, b); }
/// Computes multiply(a, b).
inline Variable operator*(const Variable& a, const Variable& b) { return multiply(a, b); }
/// Computes multiply(a, b).
inline Variable operator*(const Variable& a, double b) { return multiply(a, b); }
/// Computes multiply(b, a).
inline Variable operator*(double a, const Variable& b) { return multiply(b, a); }
/// Computes divide(a, b).
inline Variable operator/(const Variable& a, const Variable& b) { return divide(a, b); }
/// Computes divide(a, b).
inline Variable operator/(const Variable& a, double b) { return divide(a, b); }
/// Computes divide(a, b).
inline Variable operator/(double a, const Variable& b) { return divide(a, b); }
/// Computes negate(x).
inline Variable operator-(const Variable& x) { return negate(x); }

}  // namespace xtape
