// The names and the order that Keras gives to a model's layers and weights. Internal to models/.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/network.hpp"

namespace xtape {

/// Parameters with a name.
using NamedParameters = std::vector<std::pair<std::string, Parameter>>;

/// The name that Keras makes of a class: "conv2d_transpose" for "Conv2DTranspose" (keras/src/utils/naming.py,
/// to_snake_case).
std::string snake_case(const std::string& type);

/// Keras's Normalization has a third weight, an integer `count` that nobody uses any more (it is 0). It stands here
/// among the parameters, with a value of int64, which no parameter of a model has.
inline bool is_keras_count(const Parameter& parameter) { return parameter.dtype() == DType::int64; }

/// A layer and its weights in Keras with their paths in the model ("conv1/kernel"), those that are trained first.
struct KerasLayer {
  std::shared_ptr<Layer> layer;
  NamedParameters weights;
};

/// The layers in the order of Keras's model.layers: the further from the outputs the earlier, among equals in the order
/// in which they are met going back from the outputs (keras/src/ops/function.py, map_graph). Those of a model used as a
/// layer count as one layer. In files that Keras writes in layouts of Keras 2, this is the order of everything.
std::vector<KerasLayer> keras_layers(const Model& model);

/// Where Keras 3 keeps each parameter in a .weights.h5 file, "layers/conv2d_1/vars/0", in the order of model.layers
/// (keras/src/saving/saving_lib.py): a layer's name there is its class, numbered; a model used as a layer is a
/// "functional". Names are those of HDF5 data sets.
NamedParameters keras3_parameters(const Model& model);

/// The same for the files of tf.keras 2.12 and 2.13, "_layer_checkpoint_dependencies/conv2d_2/vars/0": what they number
/// is a dictionary that has each layer with weights twice (keras/engine/functional.py), so that it counts as two.
NamedParameters early_keras_parameters(const Model& model);

/// The groups "layers/conv2d_1/vars" in which that file keeps a layer's parameters or nothing, with the layer's name.
std::vector<std::pair<std::string, std::string>> keras3_groups(const Model& model);

/// Which of a model's paths a weight means that Keras keeps under the name `weight` in the group of `layer`; the first
/// of these that the model has: "inner/conv1/kernel" for "conv1/kernel:0" in the group of a model used as layer
/// "inner"; "conv1/kernel" for "conv1/kernel:0", "model/conv1/kernel" and "conv1_1/kernel:0" (made by a second model of
/// one session); "conv1/kernel" for Keras 1's "conv1_W_1:0"; "outer/inner/conv1/kernel" for "conv1/kernel:0" in the
/// group of "outer", if no other model inside has such a layer. Group and name when it is none of the model's.
std::string keras_weight_path(const std::set<std::string>& paths, const std::string& layer, const std::string& weight);

}  // namespace xtape
