// Activation functions. Each can be called with x alone, so that its name is an activation: Activation(elu).
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// y = x: the activation that is none.
Variable linear(const Variable& x);

/// y = max(x, 0), NaN for NaN. dx = dy where y > 0, else 0; saves y.
Variable relu(const Variable& x);

/// y = relu(a + b), broadcast as add does, in one pass over memory: recorded as the two ops that it stands for, add and
/// relu, whose value between is never there. Saves y.
Variable add_relu(const Variable& a, const Variable& b);

/// y = 1 / (1 + e^-x). dx = dy y (1 - y), computed from x with all digits also where y is near 1; saves x.
Variable sigmoid(const Variable& x);

/// y = tanh x. dx = dy (1 - y^2), computed from x with all digits also where y is near 1; saves x.
Variable tanh(const Variable& x);

/// y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|), which never overflows. dx = dy sigmoid(x); saves x.
Variable softplus(const Variable& x);

/// y = x for x > 0, else alpha (e^x - 1). dx = dy for x > 0, else dy alpha e^x; saves x. Error unless alpha >= 0.
/// (Clevert, Unterthiner and Hochreiter: Fast and accurate deep network learning by exponential linear units, 2016.)
Variable elu(const Variable& x, double alpha);
inline Variable elu(const Variable& x) { return elu(x, 1); }

/// y = x for x > 0, else slope x. dx = dy for y > 0, else slope dy; saves y. Error unless slope >= 0. The default is
/// the alpha of Keras 2's LeakyReLU layer.
Variable leaky_relu(const Variable& x, double slope);
inline Variable leaky_relu(const Variable& x) { return leaky_relu(x, 0.3); }

/// y = x Phi(x) with the normal distribution function Phi, exact: x (1 + erf(x / 2^(1/2))) / 2. dx = dy (Phi(x) +
/// x Phi'(x)); saves x. Computed in float64 for both types. (Hendrycks and Gimpel: Gaussian error linear units, 2016.)
Variable gelu(const Variable& x);

/// y = e^x / (sum of e^x along the axis), computed from x minus its maximum, in float64. Elements may be -inf, and one
/// +inf, whose share is 0 and 1; NaN when all of several are -inf or several +inf.
/// dx = y (dy - sum of dy y), computed from x with all digits also where y is near 1; saves x and y.
/// Error when there is no such axis.
Variable softmax(const Variable& x, int axis);
inline Variable softmax(const Variable& x) { return softmax(x, -1); }

/// y = x - ln(sum of e^x along the axis), computed and infinite elements treated as in softmax. dx = dy - e^y (sum of
/// dy), computed from x with all digits also where e^y is near 1; saves x. Error when there is no such axis.
Variable log_softmax(const Variable& x, int axis);
inline Variable log_softmax(const Variable& x) { return log_softmax(x, -1); }

}  // namespace xtape
