// Smooth activation functions beyond those of activations.hpp. All are exact in their tails: the error is relative to
// the value, also where that is close to 0.
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/tensor/element_function.hpp"

namespace xtape {

/// The type of the function object `silu`.
struct SiluFunction {
  static constexpr const char* name = "silu";  ///< name of the function
  /// Computes silu(x); see `silu` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `mish`.
struct MishFunction {
  static constexpr const char* name = "mish";  ///< name of the function
  /// Computes mish(x); see `mish` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `gelu_tanh`.
struct GeluTanhFunction {
  static constexpr const char* name = "gelu_tanh";  ///< name of the function
  /// Computes gelu_tanh(x); see `gelu_tanh` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `celu`.
struct CeluFunction {
  static constexpr const char* name = "celu";  ///< name of the function
  /// Computes celu(x, alpha); see `celu` for formula and errors.
  Variable operator()(const Variable& x, double alpha = 1) const;
  /// The same function of one element.
  ElementFunction of_element(double alpha = 1) const;
};
/// The type of the function object `selu`.
struct SeluFunction {
  static constexpr const char* name = "selu";  ///< name of the function
  /// Computes selu(x); see `selu` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `softsign`.
struct SoftsignFunction {
  static constexpr const char* name = "softsign";  ///< name of the function
  /// Computes softsign(x); see `softsign` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `squareplus`.
struct SquareplusFunction {
  static constexpr const char* name = "squareplus";  ///< name of the function
  /// Computes squareplus(x, b); see `squareplus` for formula and errors.
  Variable operator()(const Variable& x, double b = 4) const;
  /// The same function of one element.
  ElementFunction of_element(double b = 4) const;
};
/// The type of the function object `exponential`.
struct ExponentialFunction {
  static constexpr const char* name = "exponential";  ///< name of the function
  /// Computes exponential(x); see `exponential` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `log_sigmoid`.
struct LogSigmoidFunction {
  static constexpr const char* name = "log_sigmoid";  ///< name of the function
  /// Computes log_sigmoid(x); see `log_sigmoid` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `tanh_shrink`.
struct TanhShrinkFunction {
  static constexpr const char* name = "tanh_shrink";  ///< name of the function
  /// Computes tanh_shrink(x); see `tanh_shrink` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `sparse_plus`.
struct SparsePlusFunction {
  static constexpr const char* name = "sparse_plus";  ///< name of the function
  /// Computes sparse_plus(x); see `sparse_plus` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};

/// y = x / (1 + e^-x), which is x sigmoid(x). dx = dy s (1 + x (1 - s)) with s = sigmoid(x); saves x.
/// (Elfwing, Uchibe and Doya: Sigmoid-weighted linear units, 2018; Keras also calls it swish.)
inline constexpr SiluFunction silu;

/// y = x tanh(softplus(x)). Saves x. (Misra: Mish, a self regularized non-monotonic activation function, 2019.)
inline constexpr MishFunction mish;

/// y = x (1 + tanh((2 / pi)^(1/2) (x + 0.044715 x^3))) / 2, the approximation of gelu; Keras's gelu(approximate=True).
/// Saves x.
inline constexpr GeluTanhFunction gelu_tanh;

/// y = x for x > 0, else alpha (e^(x / alpha) - 1). dx = dy for x > 0, else dy e^(x / alpha); saves x. Error unless
/// alpha > 0. Call it as celu(x, alpha); the default of alpha is 1.
/// (Barron: Continuously differentiable exponential linear units, 2017.)
inline constexpr CeluFunction celu;

/// y = scale elu(x, alpha) with scale = 1.0507009873554805 and alpha = 1.6732632423543773. Saves x.
/// (Klambauer, Unterthiner, Mayr and Hochreiter: Self-normalizing neural networks, 2017.)
inline constexpr SeluFunction selu;

/// y = x / (1 + |x|). dx = dy / (1 + |x|)^2; saves x.
inline constexpr SoftsignFunction softsign;

/// y = (x + (x^2 + b)^(1/2)) / 2, with all digits for x far below 0. dx = dy y / (x^2 + b)^(1/2); saves x. Error unless
/// b > 0. Call it as squareplus(x, b); the default of b is 4. (Barron: Squareplus, a softplus-like algebraic rectifier,
/// 2021.)
inline constexpr SquareplusFunction squareplus;

/// y = e^x, computed in float64 for both types. dx = dy e^x; saves x.
inline constexpr ExponentialFunction exponential;

/// y = ln sigmoid(x) = -softplus(-x). dx = dy sigmoid(-x); saves x.
inline constexpr LogSigmoidFunction log_sigmoid;

/// y = x - tanh(x), with all digits near 0. dx = dy tanh(x)^2; saves x.
inline constexpr TanhShrinkFunction tanh_shrink;

/// y = 0 for x <= -1, x for x >= 1, else (x + 1)^2 / 4. dx = dy (x + 1) / 2 between -1 and 1; saves x.
inline constexpr SparsePlusFunction sparse_plus;

/// The name that Keras also has for `silu`.
inline constexpr SiluFunction swish;

}  // namespace xtape
