// Activation functions. They are function objects, so that each one is a value with a name: Activation(elu) in layers/
// finds the function by its type. Only tanh is a function, because the C library declares a function of that name.
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/tensor/element_function.hpp"

namespace xtape {

/// The type of the function object `linear`.
struct LinearFunction {
  static constexpr const char* name = "linear";  ///< name of the function
  /// Computes linear(x); see `linear` for formula and errors.
  Variable operator()(const Variable& x) const { return x; }
};
/// The type of the function object `relu`.
struct ReluFunction {
  static constexpr const char* name = "relu";  ///< name of the function
  /// Computes relu(x); see `relu` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `sigmoid`.
struct SigmoidFunction {
  static constexpr const char* name = "sigmoid";  ///< name of the function
  /// Computes sigmoid(x); see `sigmoid` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `softplus`.
struct SoftplusFunction {
  static constexpr const char* name = "softplus";  ///< name of the function
  /// Computes softplus(x); see `softplus` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `elu`.
struct EluFunction {
  static constexpr const char* name = "elu";  ///< name of the function
  /// Computes elu(x, alpha); see `elu` for formula and errors.
  Variable operator()(const Variable& x, double alpha = 1) const;
  /// The same function of one element.
  ElementFunction of_element(double alpha = 1) const;
};
/// The type of the function object `leaky_relu`.
struct LeakyReluFunction {
  static constexpr const char* name = "leaky_relu";  ///< name of the function
  /// Computes leaky_relu(x, slope); see `leaky_relu` for formula and errors.
  Variable operator()(const Variable& x, double slope = 0.2) const;
  /// The same function of one element.
  ElementFunction of_element(double slope = 0.2) const;
};
/// The type of the function object `gelu`.
struct GeluFunction {
  static constexpr const char* name = "gelu";  ///< name of the function
  /// Computes gelu(x); see `gelu` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `softmax`.
struct SoftmaxFunction {
  static constexpr const char* name = "softmax";  ///< name of the function
  /// Computes softmax(x, axis); see `softmax` for formula and errors.
  Variable operator()(const Variable& x, int axis = -1) const;
};
/// The type of the function object `log_softmax`.
struct LogSoftmaxFunction {
  static constexpr const char* name = "log_softmax";  ///< name of the function
  /// Computes log_softmax(x, axis); see `log_softmax` for formula and errors.
  Variable operator()(const Variable& x, int axis = -1) const;
};

/// y = x: no activation.
inline constexpr LinearFunction linear;

/// y = max(x, 0), NaN for NaN. dx = dy where y > 0, else 0; saves y.
inline constexpr ReluFunction relu;

/// y = relu(a + b), with broadcasting as in add, in one loop over memory. It is recorded as two ops, add and relu, but
/// the intermediate sum is never stored. Saves y.
Variable add_relu(const Variable& a, const Variable& b);

/// y = 1 / (1 + e^-x). dx = dy y (1 - y), computed from x with full precision also where y is near 1; saves x.
inline constexpr SigmoidFunction sigmoid;

/// y = tanh x. dx = dy (1 - y^2), computed from x with full precision also where y is near 1; saves x.
Variable tanh(const Variable& x);
/// tanh of one element.
ElementFunction tanh_of_element();

/// y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|), which never overflows. dx = dy sigmoid(x); saves x.
inline constexpr SoftplusFunction softplus;

/// y = x for x > 0, else alpha (e^x - 1). dx = dy for x > 0, else dy alpha e^x; saves x. Error unless alpha >= 0.
/// Call it as elu(x, alpha); the default of alpha is 1.
/// (Clevert, Unterthiner and Hochreiter: Fast and accurate deep network learning by exponential linear units, 2016.)
inline constexpr EluFunction elu;

/// y = x for x > 0, else slope x. dx = dy for y > 0, else slope dy; saves y. Error unless slope >= 0.
/// Call it as leaky_relu(x, slope); the default is 0.2. (The layer LeakyReLU has 0.3, as in Keras.)
inline constexpr LeakyReluFunction leaky_relu;

/// y = x Phi(x) with the normal distribution function Phi, exact: x (1 + erf(x / 2^(1/2))) / 2. dx = dy (Phi(x) +
/// x Phi'(x)); saves x. Computed in float64 for both types. (Hendrycks and Gimpel: Gaussian error linear units, 2016.)
inline constexpr GeluFunction gelu;

/// y = e^x / (sum of e^x along the axis), computed from x minus its maximum, in float64. An element of -inf gives
/// 0, and a single element of +inf gives 1. The result is NaN if all of several elements are -inf, or several are +inf.
/// dx = y (dy - sum of dy y), computed from x with full precision also where y is near 1; saves x and y.
/// Call it as softmax(x, axis); the default is the last axis. Error if the axis does not exist.
inline constexpr SoftmaxFunction softmax;

/// y = x - ln(sum of e^x along the axis), computed as in softmax, also for infinite elements. dx = dy - e^y (sum of
/// dy), computed from x with full precision also where e^y is near 1; saves x. Call it as log_softmax(x, axis); the
/// default is the last axis. Error if the axis does not exist.
inline constexpr LogSoftmaxFunction log_softmax;

}  // namespace xtape
