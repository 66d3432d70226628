// Activation functions. They are objects, called as functions, so that each is a value with a name: Activation(elu) in
// layers/ knows it by its type. tanh alone is a function, because <cmath> declares a function of that name.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

struct LinearFunction {
  static constexpr const char* name = "linear";
  Variable operator()(const Variable& x) const { return x; }
};
struct ReluFunction {
  static constexpr const char* name = "relu";
  Variable operator()(const Variable& x) const;
};
struct SigmoidFunction {
  static constexpr const char* name = "sigmoid";
  Variable operator()(const Variable& x) const;
};
struct SoftplusFunction {
  static constexpr const char* name = "softplus";
  Variable operator()(const Variable& x) const;
};
struct EluFunction {
  static constexpr const char* name = "elu";
  Variable operator()(const Variable& x, double alpha = 1) const;
};
struct LeakyReluFunction {
  static constexpr const char* name = "leaky_relu";
  Variable operator()(const Variable& x, double slope = 0.3) const;
};
struct GeluFunction {
  static constexpr const char* name = "gelu";
  Variable operator()(const Variable& x) const;
};
struct SoftmaxFunction {
  static constexpr const char* name = "softmax";
  Variable operator()(const Variable& x, int axis = -1) const;
};
struct LogSoftmaxFunction {
  static constexpr const char* name = "log_softmax";
  Variable operator()(const Variable& x, int axis = -1) const;
};

/// y = x: the activation that is none.
inline constexpr LinearFunction linear;

/// y = max(x, 0), NaN for NaN. dx = dy where y > 0, else 0; saves y.
inline constexpr ReluFunction relu;

/// y = relu(a + b), broadcast as add does, in one pass over memory: recorded as the two ops that it stands for, add and
/// relu, whose value between is never there. Saves y.
Variable add_relu(const Variable& a, const Variable& b);

/// y = 1 / (1 + e^-x). dx = dy y (1 - y), computed from x with all digits also where y is near 1; saves x.
inline constexpr SigmoidFunction sigmoid;

/// y = tanh x. dx = dy (1 - y^2), computed from x with all digits also where y is near 1; saves x.
Variable tanh(const Variable& x);

/// y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|), which never overflows. dx = dy sigmoid(x); saves x.
inline constexpr SoftplusFunction softplus;

/// y = x for x > 0, else alpha (e^x - 1). dx = dy for x > 0, else dy alpha e^x; saves x. Error unless alpha >= 0.
/// elu(x, alpha), with alpha = 1 by default.
/// (Clevert, Unterthiner and Hochreiter: Fast and accurate deep network learning by exponential linear units, 2016.)
inline constexpr EluFunction elu;

/// y = x for x > 0, else slope x. dx = dy for y > 0, else slope dy; saves y. Error unless slope >= 0.
/// leaky_relu(x, slope); the default of 0.3 is the alpha of Keras 2's LeakyReLU layer.
inline constexpr LeakyReluFunction leaky_relu;

/// y = x Phi(x) with the normal distribution function Phi, exact: x (1 + erf(x / 2^(1/2))) / 2. dx = dy (Phi(x) +
/// x Phi'(x)); saves x. Computed in float64 for both types. (Hendrycks and Gimpel: Gaussian error linear units, 2016.)
inline constexpr GeluFunction gelu;

/// y = e^x / (sum of e^x along the axis), computed from x minus its maximum, in float64. Elements may be -inf, and one
/// +inf, whose share is 0 and 1; NaN when all of several are -inf or several +inf.
/// dx = y (dy - sum of dy y), computed from x with all digits also where y is near 1; saves x and y.
/// softmax(x, axis), along the last axis by default. Error when there is no such axis.
inline constexpr SoftmaxFunction softmax;

/// y = x - ln(sum of e^x along the axis), computed and infinite elements treated as in softmax. dx = dy - e^y (sum of
/// dy), computed from x with all digits also where e^y is near 1; saves x. log_softmax(x, axis), along the last axis by
/// default. Error when there is no such axis.
inline constexpr LogSoftmaxFunction log_softmax;

}  // namespace xtape
