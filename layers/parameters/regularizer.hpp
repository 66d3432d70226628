// Regularizer: a penalty that is added to the loss to keep a parameter small.
#pragma once

#include "layers/graph/layer_config.hpp"

namespace xtape {

/// L2 regularization as in Keras: `l2 * sum(w^2)` is added to the loss.
struct Regularizer {
  double l2 = 0;  ///< the factor; 0 for no regularization
};

/// A regularizer that adds factor * sum(w^2). Error unless the factor is finite and at least 0.
Regularizer l2(double factor);

/// A regularizer as a config value: `{"l2": 1e-4}`, or null for none.
ConfigValue to_config(const Regularizer& regularizer);
/// Reads a regularizer; null is none. Error when the value is of another kind, or the factor is not valid.
void from_config(const ConfigValue& given, Regularizer& regularizer);

}  // namespace xtape
