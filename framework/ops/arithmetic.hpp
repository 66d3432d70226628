// The arithmetic of variables, element by element with NumPy's broadcasting.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = a + b. da = dy, db = dy, each summed over the axes along which that operand was broadcast; saves shapes alone.
/// Error unless the shapes broadcast and the types agree, as for all functions of two variables here.
Variable add(const Variable& a, const Variable& b);
Variable add(const Variable& a, double b);

/// y = a - b. da = dy, db = -dy; saves shapes alone.
Variable subtract(const Variable& a, const Variable& b);
Variable subtract(const Variable& a, double b);
Variable subtract(double a, const Variable& b);

/// y = a b. da = dy b, db = dy a; saves a and b.
Variable multiply(const Variable& a, const Variable& b);
Variable multiply(const Variable& a, double b);

/// y = a / b. da = dy / b, db = -dy y / b; saves b and y.
Variable divide(const Variable& a, const Variable& b);
Variable divide(const Variable& a, double b);
Variable divide(double a, const Variable& b);

/// y = -x. dx = -dy; saves nothing.
Variable negate(const Variable& x);

/// y = max(a, b), NaN when either is. dy goes to the greater operand, to the first when they are equal; saves a and b.
Variable maximum(const Variable& a, const Variable& b);

/// y = min(a, b), NaN when either is. dy goes to the lesser operand, to the first when they are equal; saves a and b.
Variable minimum(const Variable& a, const Variable& b);

/// y = min(max(x, low), high). dx = dy where low <= x <= high, else 0; saves x. Error unless low <= high.
Variable clip(const Variable& x, double low, double high);

/// The reverse of broadcasting: x summed over the axes that broadcasting `shape` to the shape of x would repeat.
/// dx = broadcast_to(dy); x itself when it has the shape. Error when `shape` does not broadcast to the shape of x.
Variable sum_to(const Variable& x, const Shape& shape);

/// x repeated along new axes in front and along axes of extent 1, so that it has the shape. dx = sum_to(dy); x itself
/// when it has the shape. Error when it does not broadcast to it.
Variable broadcast_to(const Variable& x, const Shape& shape);

inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator+(const Variable& a, double b) { return add(a, b); }
inline Variable operator+(double a, const Variable& b) { return add(b, a); }
inline Variable operator-(const Variable& a, const Variable& b) { return subtract(a, b); }
inline Variable operator-(const Variable& a, double b) { return subtract(a, b); }
inline Variable operator-(double a, const Variable& b) { return subtract(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return multiply(a, b); }
inline Variable operator*(const Variable& a, double b) { return multiply(a, b); }
inline Variable operator*(double a, const Variable& b) { return multiply(b, a); }
inline Variable operator/(const Variable& a, const Variable& b) { return divide(a, b); }
inline Variable operator/(const Variable& a, double b) { return divide(a, b); }
inline Variable operator/(double a, const Variable& b) { return divide(a, b); }
inline Variable operator-(const Variable& x) { return negate(x); }

}  // namespace xtape
