// Whole models in files of Keras: .keras, and HDF5.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "layers/graph/builtin_layers.hpp"
#include "models/graph/model.hpp"

namespace xtape {

/// Options of load_keras_model().
struct LoadKerasModelOptions {
  /// The factories of custom layers by Keras's class_name: `{{"SqueezeExcite", make_layer<SqueezeExciteLayer>}}`. They
  /// get the layer's config without name, trainable and dtype.
  std::map<std::string, LayerFactory> custom_layers = {};
};

/// Reads a model and its weights from a file that Keras has saved: a .keras archive of Keras 3 or tf.keras, or an HDF5
/// file of Keras 1.2 to 3 (`model.save("m.h5")`). The content of the file decides, not its name. The outputs are those
/// of Keras up to rounding. A "/" in the name of a layer becomes "_". The inputs and outputs keep their order; those of
/// a dictionary are sorted by name.
///
/// Error with the path when the file cannot be read, is damaged, or has weights alone; with the name and class of the
/// layer, and the option, when xtape has no such layer, option or value. No option that changes the outputs or the
/// training is ignored. load_keras_training() also
/// reads the optimizer and the compiled losses.
Model load_keras_model(const std::filesystem::path& path, const LoadKerasModelOptions& options = {});

/// Writes a model that Keras 3 loads and that has the same outputs there. A name that ends in .keras selects the
/// archive, .h5 or .hdf5 (in lower or upper case) HDF5. The file is written atomically, and the same model gives the
/// same bytes.
///
/// Error with the path when the file cannot be written or the name has another extension; with the name and class of
/// the layer when Keras has no such layer or option.
void save_keras_model(const Model& model, const std::filesystem::path& path);

}  // namespace xtape
