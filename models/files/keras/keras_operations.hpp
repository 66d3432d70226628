// Operations in the configs of Keras: `x + 3.0` and ops.relu(x) in Keras 3, tf.nn.relu(x) in tf.keras. Internal to
// models/.
#pragma once

#include "models/files/keras/keras_calls.hpp"

namespace xtape {

/// Whether a layer of a config stands for an operation: one of keras.ops, or a TFOpLambda.
bool is_operation(const Json& given);

/// The layer that computes this call of an operation, in the form of a config of Keras. `ranks` are the numbers of axes
/// of the tensors of the call, with the batch axis. Error with the operation when no layer computes it.
Json layer_of_operation(const Json& given, const KerasCall& call, const std::vector<int>& ranks);

}  // namespace xtape
