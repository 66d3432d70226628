// Values of options that Keras and xtape store in different forms: activation functions, initializers, regularizers,
// constraints. Each pair of functions converts from Keras's JSON to that of LayerConfig and back. Internal to models/.
#pragma once

#include "models/files/config_json.hpp"

namespace xtape {

/// A value of Keras's JSON as text for messages.
std::string shown(const Json& value);

/// The name of an activation function. `version` is Keras's major version: hard_sigmoid had another formula before
/// Keras 3. Error for a layer or an object as activation.
Json activation_from_keras(const Json& given, int version);
/// Error for a function that no name of Keras stands for.
Json activation_to_keras(const Json& given);

/// An initializer, also by the names of Keras 1. One that xtape does not have becomes a custom initializer: the values
/// of its parameters come from the file.
Json initializer_from_keras(const Json& given);
/// Error for a custom initializer.
Json initializer_to_keras(const Json& given);

/// A regularizer, or null. Error for a class that xtape does not have.
Json regularizer_from_keras(const Json& given);
/// Error when Keras has no such combination.
Json regularizer_to_keras(const Json& given);

/// A constraint, or null. Error for a class that xtape does not have.
Json constraint_from_keras(const Json& given);
/// Error for a custom constraint.
Json constraint_to_keras(const Json& given);

}  // namespace xtape
