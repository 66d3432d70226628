// Learning rates in Keras's JSON. Internal to training/keras.
#pragma once

#include "models/files/config_json.hpp"
#include "optim/schedule.hpp"

namespace xtape {

/// The learning rate of an optimizer's config: a number, or a serialized schedule. Error for another schedule than
/// those of keras.optimizers.schedules.
LearningRate rate_from_keras(const Json& given);

/// The learning rate as Keras 3 writes it. Error for a function that Keras does not have.
Json rate_to_keras(const LearningRate& rate);

}  // namespace xtape
