// Model files: the layer graph and the weights in one file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "layers/graph/builtin_layers.hpp"
#include "models/graph/model.hpp"

namespace xtape {

/// Options of save_model().
struct SaveModelOptions {
  /// The names of the classes, one for each output value, for load_class_names(); empty for none.
  std::vector<std::string> class_names = {};
  /// How the network expects the pixels of images, see image_scale(), for load_image_scale(); "" if it is not known.
  std::string image_scale = "";
};

/// Writes a model to a file from which load_model() makes it without the code that defined it. The file is written
/// atomically. It is a safetensors file with every parameter under its path, as save_weights() writes it. Its metadata
/// hold the layer graph as JSON under "graph" (docs/formats.md): layer classes, names, options, trainable flags, shared
/// layers and inner models.
///
/// Error with the path when the file cannot be written or its name has an extension other than .safetensors (in lower
/// or upper case). Error with the name of the layer when a file cannot hold it: a custom layer must override config(),
/// an activation function must be one of framework/ops/activations.hpp, and a layer with parameters must not be shared
/// between a model and an inner model. Error unless there are no class names or a different one for each output value,
/// without control characters. Error for a scale that image_scale() does not know.
void save_model(const Model& model, const std::filesystem::path& path, const SaveModelOptions& options = {});

/// Options of load_model().
struct LoadModelOptions {
  /// The factories of custom layers by type(): `{{"SqueezeExcite", make_layer<SqueezeExciteLayer>}}`.
  std::map<std::string, LayerFactory> custom_layers = {};
};

/// Reads a model that save_model() has written. Its outputs are equal bit for bit. The file is checked before memory is
/// allocated: the JSON, the order of the nodes, the options, the names, and that the file holds exactly the parameters
/// of the graph. Error with the path and the position in the graph, such as "layers[3] (Conv2D conv1): kernel_size:
/// expected ...", if a check fails.
Model load_model(const std::filesystem::path& path, const LoadModelOptions& options = {});

/// The layer graph as JSON, as save_model() writes it: `{"class_name": "Model", "name": ..., "config": {"layers":
/// [...], "nodes": [...], "inputs": [...], "outputs": [...]}}`. Each layer is listed once with class_name, name,
/// trainable and config. The nodes are the calls in the order of computation, with the name of the layer and the
/// numbers of the nodes that they read. Error for layers that a file cannot hold.
std::string graph_to_json(const Model& model);
/// Internal: the same text, also for options that a reader would reject. Error when a layer has no config().
std::string graph_text(const Model& model);

/// The class names in a model file of save_model() or save_onnx(); empty when it has none. Error with the path when the
/// file is not a model file, or when its class names are not a list of texts.
std::vector<std::string> load_class_names(const std::filesystem::path& path);

/// The name of the image scale in a model file, such as "0..255"; "" when it has none. Error with the path when the
/// file is not a model file, or when image_scale() does not know the name.
std::string load_image_scale(const std::filesystem::path& path);

}  // namespace xtape
