// The configs of whole models in Keras's JSON. Internal to models/.
#pragma once

#include <map>
#include <string>

#include "layers/graph/builtin_layers.hpp"
#include "models/files/config_json.hpp"
#include "models/files/keras_weights.hpp"

namespace xtape {

/// What a config is read with.
struct KerasSource {
  int version = 3;                                  ///< Keras's major version
  std::map<std::string, LayerFactory> custom = {};  ///< factories of custom layers, by class_name
  /// Largest number of elements of all parameters. A file that has fewer cannot hold their values.
  std::int64_t most_elements = 0;
};

/// A model of a config. Its parameters are 0.
struct KerasGraph {
  Model model;
  KerasNodes nodes;
};

/// Makes the model of `{"class_name": ..., "config": ...}`, which Keras 1.2 to 3 have written. Error with name and
/// class of the layer, and the option, for everything that xtape does not have.
KerasGraph graph_from_keras(const Json& json, const KerasSource& source);

/// The config of a model as Keras 3 writes it. Error with the name of the layer for everything that Keras does not
/// have.
Json graph_to_keras(const Model& model);

}  // namespace xtape
