// Copies of models.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "models/files/model_file.hpp"

namespace xtape {

/// Options of clone().
struct CloneOptions {
  /// Seed of new initial values, which the initializers of the layers draw; by default the values are copied.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// The factories of custom layers by type(), as in LoadModelOptions.
  std::map<std::string, LayerFactory> custom_layers = {};
};

/// A model with the same graph, names, options, trainable flags and values, whose layers and parameters are new:
/// changes of one model do not affect the other. Constraints are those of the layers' options: a function that was
/// given to Parameter::set_constraint() is not copied. Error with the name of the layer when save_model() could not
/// write it.
Model clone(const Model& model, const CloneOptions& options = {});

}  // namespace xtape
