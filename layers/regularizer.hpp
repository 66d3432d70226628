// Regularizer: what is added to the loss so that a parameter stays small.
#pragma once

#include "layers/layer_config.hpp"

namespace xtape {

/// Keras's L2: `l2` * sum(w^2) is added to the loss; nothing when it is 0.
struct Regularizer {
  double l2 = 0;
};

/// Error unless the factor is finite and at least 0.
Regularizer l2(double factor);

/// {"l2": 1e-4}, or null for none.
ConfigValue to_config(const Regularizer& regularizer);
void from_config(const ConfigValue& given, Regularizer& regularizer);

}  // namespace xtape
