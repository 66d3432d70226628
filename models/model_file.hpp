// Whole models in a file: the layer graph and the weights.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "layers/builtin_layers.hpp"
#include "models/model.hpp"

namespace xtape {

struct SaveModelOptions {
  /// What the outputs stand for, one a class; kept for who loads the model.
  std::vector<std::string> class_names = {};
};

/// Writes a model so that load_model() makes it again without its code, all or nothing: a safetensors file with every
/// parameter under its path, as save_weights() writes it, whose metadata hold the layer graph as JSON under "graph"
/// (docs/formats.md): classes, names, options, trainable flags, which layers are shared, models inside. Error with the
/// path when the file can't be written, and naming the layer when a file can't hold it: a class of one's own has to
/// override config(), an activation function has to be one of framework/ops/activations.hpp, and a layer with
/// parameters must not be shared between a model and one inside of it. Error unless there is a class name for each
/// output, or none, all different; when a name holds control characters; and for names with an
/// extension other than .safetensors, in small or capital letters.
void save_model(const Model& model, const std::filesystem::path& path, const SaveModelOptions& options = {});

struct LoadModelOptions {
  /// Layers of one's own by their type(): {{"SqueezeExcite", make_layer<SqueezeExciteLayer>}}.
  std::map<std::string, LayerFactory> custom_layers = {};
};

/// Reads it back; outputs are the same bit for bit. Everything is checked before memory is taken for it: the JSON, that
/// every node reads nodes before it, options, names, and that the parameters which the graph asks for are those that
/// the file holds. Error with the path and the place in the graph otherwise, "layers[3] (Conv2D conv1): kernel_size:
/// expected ...".
Model load_model(const std::filesystem::path& path, const LoadModelOptions& options = {});

/// The layer graph as save_model() writes it: {"class_name": "Model", "name": ..., "config": {"layers": [...],
/// "nodes": [...], "inputs": [...], "outputs": [...]}}, layers once each with class_name, name, trainable and config;
/// nodes, the calls, in the order of computation with the name of their layer and the numbers of the nodes they read.
/// Error for layers that a file can't hold.
std::string graph_to_json(const Model& model);

/// The class names that were saved with a model; none when there were none. Error with the path when it is no model
/// file or does not hold a list of texts.
std::vector<std::string> load_class_names(const std::filesystem::path& path);

}  // namespace xtape
