// The names and the order of a model's layers and weights in files of Keras. Internal to models/.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/graph/network.hpp"

namespace xtape {

/// Parameters with a name.
using NamedParameters = std::vector<std::pair<std::string, Parameter>>;

/// The layer name that Keras derives from a class name: "conv2d_transpose" for "Conv2DTranspose"
/// (keras/src/utils/naming.py, to_snake_case).
std::string snake_case(const std::string& type);

/// Whether a parameter stands for the third weight of Normalization in Keras, an unused integer `count` (always 0). It
/// is listed among the parameters with a value of type int64, which no parameter of a model has.
inline bool is_keras_count(const Parameter& parameter) { return parameter.dtype() == DType::int64; }

/// A layer as a Keras file lists it. A model used as a layer is one layer with others inside.
struct KerasNode {
  std::string name;              ///< the name of the layer in the file
  std::string kind;              ///< the name that Keras derives from the class: "conv2d", "functional", "sequential"
  std::shared_ptr<Layer> layer;  ///< the layer
  std::vector<KerasNode> inner;  ///< the layers of a model
  bool normalized = false;       ///< whether it is inside of Keras's SpectralNormalization, which has a vector more
  /// The values of parameters that the file has among the options and not among the weights.
  std::map<std::string, std::vector<double>> given = {};
};

/// The layers in the order of model.layers in Keras: by decreasing distance from the outputs; layers at one distance in
/// the order of a traversal from the outputs to the inputs (keras/src/ops/function.py, map_graph). Files of a model
/// that Keras made anew have this order; the config of a whole model lists its own. A model is a "functional".
std::vector<KerasNode> keras_nodes(const Model& model);

/// The weights of a layer in the order of Keras, trained weights first, with their paths in the model ("conv1/kernel").
NamedParameters keras_weights(const KerasNode& node);

/// The HDF5 data set of each parameter in a .weights.h5 file of Keras 3, such as "layers/conv2d_1/vars/0"
/// (keras/src/saving/saving_lib.py). A layer's name there is its kind with a number.
NamedParameters keras3_parameters(const std::vector<KerasNode>& nodes);

/// The HDF5 data set of each parameter in the files of tf.keras 2.12 and 2.13, such as
/// "_layer_checkpoint_dependencies/conv2d_2/vars/0". These versions number a dictionary that holds each layer with
/// weights twice (keras/engine/functional.py), so each counts as two.
NamedParameters early_keras_parameters(const std::vector<KerasNode>& nodes);

/// The HDF5 groups of the layers in a .weights.h5 file of Keras 3, such as "layers/conv2d_1/vars", with the names of
/// the layers; the first is that of the model, `name`. The group of a layer without parameters is empty.
std::vector<std::pair<std::string, std::string>> keras3_groups(const std::vector<KerasNode>& nodes,
                                                               const std::string& name);

/// The path in the model of a weight that Keras stores as `weight` in the group of `layer`: the first of these that the
/// model has: "inner/conv1/kernel" for "conv1/kernel:0" in the group of a model used as layer
/// "inner"; "conv1/kernel" for "conv1/kernel:0", "model/conv1/kernel" and "conv1_1/kernel:0" (made by a second model of
/// one session); "conv1/kernel" for Keras 1's "conv1_W_1:0"; "outer/inner/conv1/kernel" for "conv1/kernel:0" in the
/// group of "outer", if no other inner model has such a layer. Returns group and name when the model has none of them.
std::string keras_weight_path(const std::set<std::string>& paths, const std::string& layer, const std::string& weight);

}  // namespace xtape
