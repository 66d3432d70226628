// Whole models in the files of all programs: xtape's model files, .keras and HDF5 of Keras, ONNX.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/files/keras/keras_model.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/onnx_file.hpp"

namespace xtape {

/// The formats of whole models.
enum class ModelFormat {
  xtape,  ///< .safetensors of save_model()
  keras,  ///< .keras, .h5 and .hdf5
  onnx,   ///< .onnx
};

/// "xtape", "Keras" or "ONNX".
std::string_view to_string(ModelFormat format);

/// The format that a file name selects for save_any_model(). Error for other extensions.
ModelFormat model_format_of_name(const std::filesystem::path& path);

/// A model, and what its file says about its use.
struct LoadedModel {
  Model model;                           ///< the model
  ModelFormat format;                    ///< the format of the file
  std::vector<std::string> class_names;  ///< names of the classes; empty if the file does not say them
  std::string image_scale;               ///< how pixels are given, see image_scale(); "" if the file does not say it
};

/// Options of load_any_model().
struct LoadAnyModelOptions {
  /// The factories of custom layers in files of xtape and Keras.
  std::map<std::string, LayerFactory> custom_layers = {};
  LoadOnnxOptions onnx = {};  ///< for ONNX files
};

/// Reads a model from a file of any format. The content of the file decides which it is; its name only whether a file
/// without a signature is ONNX. ONNX files have class names if save_onnx() wrote them; Keras's files have none. Error
/// with the path for other files, in particular for weights alone, and the Errors of the reader of the format.
LoadedModel load_any_model(const std::filesystem::path& path, const LoadAnyModelOptions& options = {});

/// Options of save_any_model().
struct SaveAnyModelOptions {
  std::vector<std::string> class_names = {};  ///< names of the classes, for files of xtape and ONNX
  std::string image_scale = "";               ///< see image_scale(), for files of xtape and ONNX
  /// For ONNX files. Its class names are replaced; unless it has a text for the preprocessing, the scale makes one.
  SaveOnnxOptions onnx = {};
};

/// Writes a model in the format that the extension selects: save_model(), save_keras_model() or save_onnx(). Keras's
/// files do not hold class names and scale. The Errors are those of these functions.
void save_any_model(const Model& model, const std::filesystem::path& path, const SaveAnyModelOptions& options = {});

}  // namespace xtape
