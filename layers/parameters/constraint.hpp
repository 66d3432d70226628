// Constraints: projections that an optimizer applies to a parameter after each of its steps. Names and definitions are
// those of Keras.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"
#include "layers/graph/layer_config.hpp"

namespace xtape {

/// A constraint of a parameter, such as `.kernel_constraint = max_norm(3)`. A custom one has a name and a function; a
/// file keeps the name alone, and a layer that is read from it can be used but not trained.
struct Constraint {
  std::string name = "";  ///< the name in files; empty for no constraint
  /// Returns the value that meets the constraint, of the same shape and type. It must not throw, since the step that
  /// precedes it is not undone.
  std::function<Tensor(const Tensor& value)> project = {};
  LayerConfig arguments = {};  ///< the numbers of a built-in constraint
};

/// Error with the prefix `what` if a constraint of xtape cannot be applied to a parameter of this shape.
void check_constraint(const std::string& what, const Constraint& constraint, const PartialShape& shape);

// The norm is the square root of the sum of squares along `axes`: {0} for the weights of each unit of a dense layer,
// {0, 1, 2} for each filter of a convolution. Norms are computed in float64. As in Keras 1e-7 is added to a norm before
// it divides.

/// Scales what has a norm above max_value to max_value. Error unless max_value is finite and at least 0.
Constraint max_norm(double max_value = 2, std::vector<int> axes = {0});
/// Scales every norm to 1.
Constraint unit_norm(std::vector<int> axes = {0});
/// Sets negative values to 0.
Constraint non_neg();

/// Options of min_max_norm().
struct MinMaxNormOptions {
  double min_value = 0;         ///< smallest norm
  double max_value = 1;         ///< largest norm
  double rate = 1;              ///< share of the way to the limit that each step makes, in (0, 1]
  std::vector<int> axes = {0};  ///< the axes of one norm
};
/// Moves norms that are outside of [min_value, max_value] to the limit by `rate`. Error unless 0 <= min_value <=
/// max_value, both finite, and 0 < rate <= 1.
Constraint min_max_norm(const MinMaxNormOptions& options = {});

/// Divides a kernel by its largest singular value, so that the layer changes no distance by more than a factor of 1
/// (convolutions: up to the overlap of the windows). The kernel counts as a matrix with as many columns as its last
/// axis has elements. The singular value is found by power iteration in float64 from a fixed vector. Miyato, Kataoka,
/// Koyama and Yoshida: Spectral normalization for generative adversarial networks, ICLR 2018, section 2.1. Keras's
/// layer SpectralNormalization divides before each training step, this constraint after it, and in Keras a kept vector
/// takes one iteration for each step. A kernel of zeros stays as it is.
Constraint spectral_norm();

/// A constraint as a config value: `{"name": "max_norm", "max_value": 2, "axes": [0]}`, or null for none.
ConfigValue to_config(const Constraint& constraint);
/// Reads one of the constraints above; null is none. Another name stands for a custom constraint, whose project()
/// throws Error.
void from_config(const ConfigValue& given, Constraint& constraint);

}  // namespace xtape
