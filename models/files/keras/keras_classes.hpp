// The layer classes of Keras: one row for each, with the options that Keras stores in another form than xtape. Internal
// to models/.
#pragma once

#include <string>

#include "layers/graph/layer_config.hpp"
#include "models/files/config_json.hpp"

namespace xtape {

/// What the meaning of options depends on besides their values.
struct KerasContext {
  int version = 3;  ///< Keras's major version
  int rank = -1;    ///< number of axes of the layer's first input, with the batch axis; -1 if it has none
};

/// The present name of a layer class: "Conv2D" for Keras 1's "Convolution2D".
std::string present_class(const std::string& class_name);

/// Whether Keras has a layer class that corresponds to xtape's layer class of this name. Both have the same name.
bool is_keras_class(const std::string& type);

/// The options of a layer from its Keras config, which may be that of any version. Error with the name of the option
/// when xtape has no such option or no such value.
LayerConfig options_from_keras(const std::string& type, const Json& config, const KerasContext& context);

/// The config of Keras 3 for the options of a layer, without name, trainable and dtype. Error with the name of the
/// option when Keras has no such option or no such value.
Json options_to_keras(const std::string& type, const LayerConfig& options);

}  // namespace xtape
