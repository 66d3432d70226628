// Regularizer: a penalty that is added to the loss to keep a parameter small.
#pragma once

#include <string_view>

#include "framework/autograd/variable.hpp"
#include "layers/graph/layer_config.hpp"

namespace xtape {

/// Which vectors orthogonal_regularizer() compares.
enum class Vectors { rows, columns };

/// A penalty for a parameter w, the sum of those below whose factor is above 0, as in Keras.
struct Regularizer {
  double l1 = 0;                    ///< factor of sum(|w|)
  double l2 = 0;                    ///< factor of sum(w^2)
  double orthogonal = 0;            ///< factor of the mean of |cosine| over all pairs of rows or columns of a matrix
  Vectors vectors = Vectors::rows;  ///< what `orthogonal` compares

  /// Whether there is a penalty.
  bool any() const { return l1 != 0 || l2 != 0 || orthogonal != 0; }
};

/// A regularizer that adds factor * sum(|w|). Error unless the factor is finite and at least 0.
Regularizer l1(double factor);
/// A regularizer that adds factor * sum(w^2). Error unless the factor is finite and at least 0.
Regularizer l2(double factor);
/// A regularizer that adds both. Error unless the factors are finite and at least 0.
Regularizer l1_l2(double l1 = 0.01, double l2 = 0.01);
/// A regularizer of a matrix that adds factor times the mean absolute cosine of the angle between two different rows
/// (or columns), so that they become orthogonal (Keras's OrthogonalRegularizer). Error unless the factor is finite and
/// at least 0; a parameter that is no matrix is an Error of its layer.
Regularizer orthogonal_regularizer(double factor = 0.01, Vectors vectors = Vectors::rows);

/// The penalty of w as a scalar.
Variable penalty(const Regularizer& regularizer, const Variable& w);

/// Error with the prefix `what` unless all factors are finite and at least 0, and fit a parameter of this shape.
void check_regularizer(std::string_view what, const Regularizer& regularizer, const PartialShape& shape);

/// A regularizer as a config value: `{"l2": 1e-4}`, or null for none.
ConfigValue to_config(const Regularizer& regularizer);
/// Reads a regularizer; null is none. Error when the value is of another kind, or a factor is not valid.
void from_config(const ConfigValue& given, Regularizer& regularizer);

}  // namespace xtape
