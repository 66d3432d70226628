// Optimizers with their state in Keras's files. Internal to training/keras.
#pragma once

#include <memory>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "models/files/config_json.hpp"
#include "models/files/keras_names.hpp"
#include "optim/optimizer.hpp"

namespace xtape {

/// What a file has of an optimizer.
struct KerasOptimizerSource {
  Json serialized;                      ///< class_name and config
  std::vector<StoredTensor> variables;  ///< in the order of the file
  NamedParameters trained;              ///< the trainable parameters in the order of Keras, with names for messages
};

/// Makes the optimizer of `parameters`, with its state. Error for a class or an option that xtape does not have.
std::shared_ptr<Optimizer> optimizer_from_keras(const KerasOptimizerSource& source,
                                                const std::vector<Parameter>& parameters);

/// The optimizer as Keras 3 serializes it. Error for what Keras does not have.
Json optimizer_to_keras(const Optimizer& optimizer);

/// The variables of an optimizer in the order of Keras 3. `trained` are the trainable parameters in the order of Keras.
/// Error unless the optimizer has the state of all of them.
std::vector<Tensor> optimizer_variables(const Optimizer& optimizer, const NamedParameters& trained);

}  // namespace xtape
