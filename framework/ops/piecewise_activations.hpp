// Activation functions of straight or parabolic pieces, and the rectifiers of the layers ReLU and PReLU.
#pragma once

#include <optional>

#include "framework/autograd/variable.hpp"
#include "framework/tensor/element_function.hpp"

namespace xtape {

/// The type of the function object `relu6`.
struct Relu6Function {
  static constexpr const char* name = "relu6";  ///< name of the function
  /// Computes relu6(x); see `relu6` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `hard_sigmoid`.
struct HardSigmoidFunction {
  static constexpr const char* name = "hard_sigmoid";  ///< name of the function
  /// Computes hard_sigmoid(x); see `hard_sigmoid` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `hard_silu`.
struct HardSiluFunction {
  static constexpr const char* name = "hard_silu";  ///< name of the function
  /// Computes hard_silu(x); see `hard_silu` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `hard_tanh`.
struct HardTanhFunction {
  static constexpr const char* name = "hard_tanh";  ///< name of the function
  /// Computes hard_tanh(x); see `hard_tanh` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `hard_shrink`.
struct HardShrinkFunction {
  static constexpr const char* name = "hard_shrink";  ///< name of the function
  /// Computes hard_shrink(x, threshold); see `hard_shrink` for formula and errors.
  Variable operator()(const Variable& x, double threshold = 0.5) const;
  /// The same function of one element.
  ElementFunction of_element(double threshold = 0.5) const;
};
/// The type of the function object `soft_shrink`.
struct SoftShrinkFunction {
  static constexpr const char* name = "soft_shrink";  ///< name of the function
  /// Computes soft_shrink(x, threshold); see `soft_shrink` for formula and errors.
  Variable operator()(const Variable& x, double threshold = 0.5) const;
  /// The same function of one element.
  ElementFunction of_element(double threshold = 0.5) const;
};
/// The type of the function object `sparse_sigmoid`.
struct SparseSigmoidFunction {
  static constexpr const char* name = "sparse_sigmoid";  ///< name of the function
  /// Computes sparse_sigmoid(x); see `sparse_sigmoid` for formula and errors.
  Variable operator()(const Variable& x) const;
  /// The same function of one element.
  ElementFunction of_element() const;
};
/// The type of the function object `sparsemax`.
struct SparsemaxFunction {
  static constexpr const char* name = "sparsemax";  ///< name of the function
  /// Computes sparsemax(x, axis); see `sparsemax` for formula and errors.
  Variable operator()(const Variable& x, int axis = -1) const;
};

/// y = min(max(x, 0), 6), NaN for NaN. dx = dy where 0 < x < 6, else 0; saves x.
inline constexpr Relu6Function relu6;

/// y = relu6(x + 3) / 6, as in Keras 3 (Keras 2 has clip(0.2 x + 0.5, 0, 1)). dx = dy / 6 where -3 < x < 3, else 0;
/// saves x.
inline constexpr HardSigmoidFunction hard_sigmoid;

/// y = x hard_sigmoid(x). dx = dy (x / 3 + 1 / 2) where -3 < x < 3, dy for x >= 3, else 0; saves x.
/// (Howard et al.: Searching for MobileNetV3, 2019; Keras also calls it hard_swish.)
inline constexpr HardSiluFunction hard_silu;

/// y = min(max(x, -1), 1), NaN for NaN. dx = dy where -1 < x < 1, else 0; saves x.
inline constexpr HardTanhFunction hard_tanh;

/// y = x where |x| > threshold, else 0. dx = dy where y is x, else 0; saves x. Error unless threshold >= 0. Call it as
/// hard_shrink(x, threshold); the default is 0.5.
inline constexpr HardShrinkFunction hard_shrink;

/// y = x - threshold for x > threshold, x + threshold for x < -threshold, else 0. dx = dy where y is not 0, else 0;
/// saves x. Error unless threshold >= 0. Call it as soft_shrink(x, threshold); the default is 0.5.
inline constexpr SoftShrinkFunction soft_shrink;

/// y = min(max((x + 1) / 2, 0), 1), NaN for NaN. dx = dy / 2 where -1 < x < 1, else 0; saves x.
inline constexpr SparseSigmoidFunction sparse_sigmoid;

/// y = max(x - t, 0) with the t for which the sum of y along the axis is 1: the point of the probability simplex that
/// is nearest to x. dx = dy minus its mean over the positive elements of y where y > 0, else 0; saves y. Call it as
/// sparsemax(x, axis); the default is the last axis. Error if the axis does not exist.
/// (Martins and Astudillo: From softmax to sparsemax, 2016.)
inline constexpr SparsemaxFunction sparsemax;

/// The name that Keras also has for `hard_silu`.
inline constexpr HardSiluFunction hard_swish;

/// Options of rectify().
struct RectifyOptions {
  std::optional<double> max_value = std::nullopt;  ///< largest output, at least 0; nothing: no limit
  double negative_slope = 0;                       ///< slope below the threshold, at least 0
  double threshold = 0;                            ///< where the identity begins, at least 0
};

/// y = min(x, max_value) for x > threshold, else negative_slope (x - threshold), as in Keras's ReLU. dx = dy,
/// dy negative_slope, or 0 for x >= max_value; saves x. Error if an option is negative or not a number.
Variable rectify(const Variable& x, const RectifyOptions& options);
/// rectify of one element. Error as for rectify.
ElementFunction rectify_of_element(const RectifyOptions& options);

/// y = x for x > 0, else alpha x. dx = dy for x > 0, else alpha dy; dalpha = the sum of dy x over elements x <= 0.
/// alpha has the type of x and a shape that broadcasts to that of x; saves x and alpha. Error otherwise. (He, Zhang,
/// Ren and Sun: Delving deep into rectifiers, 2015.)
Variable prelu(const Variable& x, const Variable& alpha);

}  // namespace xtape
