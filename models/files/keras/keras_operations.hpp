// Operations in the configs of Keras: `x + 3.0` and ops.relu(x) in Keras 3, tf.nn.relu(x) in tf.keras. Internal to
// models/.
#pragma once

#include <vector>

#include "models/files/config_json.hpp"

namespace xtape {

/// Whether a layer of a config stands for an operation: one of keras.ops, or a TFOpLambda.
bool is_operation(const Json& given);

/// The layer that computes an operation, in the form of a config of Keras. `constants` are the arguments of its call
/// that are no tensors (KerasCall::constants), `ranks` the numbers of axes of the tensors, with the batch axis. Error
/// with the operation when no layer computes it.
Json layer_of_operation(const Json& given, const Json& constants, const std::vector<int>& ranks);

}  // namespace xtape
