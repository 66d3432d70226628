// Weights files: safetensors, or HDF5 in the layouts of Keras.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// How load_weights() finds the tensor of a parameter.
enum class Match {
  name,   ///< by the path of the parameter, "conv1/kernel"
  order,  ///< by position: the first tensor is that of the first parameter
};

/// Options of load_weights().
struct LoadWeightsOptions {
  Match match = Match::name;  ///< how tensors and parameters are matched
  /// Whether all parameters and all tensors must match. If false, those that match are loaded, and the other parameters
  /// are unchanged.
  bool strict = true;
};

/// The result of load_weights().
struct LoadReport {
  /// A parameter of the model and its tensor in the file.
  struct Pair {
    std::string parameter;    ///< path of the parameter in the model
    std::string stored;       ///< name of the tensor in the file
    Shape shape;              ///< shape of the parameter
    Shape stored_shape;       ///< shape of the tensor in the file
    DType dtype;              ///< type that the model computes in
    std::string stored_type;  ///< element type in the file, such as "float16"
  };
  std::vector<Pair> matched;            ///< equal shapes, and floating-point numbers in the file
  std::vector<Pair> mismatched;         ///< different shapes, or a type that cannot be loaded
  std::vector<std::string> missing;     ///< parameters without a tensor in the file
  std::vector<std::string> unexpected;  ///< tensors of the file without a parameter
  /// Tensors of the file without a parameter that hold whole numbers, truth values or texts, such as the state of a
  /// random number generator. They do not make a file incomplete.
  std::vector<std::string> left_out;

  /// Whether every parameter and every tensor matched.
  bool complete() const { return mismatched.empty() && missing.empty() && unexpected.empty(); }
  /// The report as text: "320 of 320 parameters matched, 320 of them converted from float64", then the names of what
  /// did not match.
  std::string text() const;
};

/// The names and layouts of the tensors in a safetensors file.
enum class WeightsFormat {
  xtape,    ///< "conv1/kernel" (height, width, in, out), "fc/kernel" (in, out)
  pytorch,  ///< "conv1.weight" (out, in, height, width), "fc.weight" (out, in), as in a state_dict
};

/// Options of save_weights().
struct SaveWeightsOptions {
  WeightsFormat format = WeightsFormat::xtape;  ///< of a safetensors file; HDF5 files have Keras's names and layouts
};

/// Writes all parameters, including moving averages. The file is written atomically. The name, in lower or upper case,
/// selects the format: "x.weights.h5" the layout of Keras 3; any other ".h5" or ".hdf5" that of Keras 2, which Keras 3
/// reads too; ".safetensors" or no extension a safetensors file with the paths of the parameters ("conv1/kernel") as
/// names, whose metadata hold "format" = "xtape" and the name of the model. With WeightsFormat::pytorch the names and
/// layouts are those of a state_dict, and "format" is "pt". Error with the path for other extensions, for a parameter
/// that the format has no name for, and when the file cannot be written.
void save_weights(const Model& model, const std::filesystem::path& path, const SaveWeightsOptions& options = {});

/// Reads weights from a safetensors file of xtape or PyTorch, from a file of PyTorch's torch.save() (.pt, .pth), or
/// from an HDF5 file of Keras: of model.save("m.h5"), model.save_weights("w.h5"), or model.save_weights("w.weights.h5")
/// of Keras 3. The format is detected from the content of the file, not from its name. Values are converted to the type
/// that the model computes in; the report lists both types. Tensors of types that xtape does not have match no
/// parameter; they are reported as mismatched, unexpected or left out.
///
/// The tensors of a PyTorch state_dict are matched by the names of modules ("layer1.0.conv1.weight" is the kernel of a
/// layer "layer1.0.conv1") and converted: kernels (out, in, height, width) and (out, in), rows of a dense layer behind
/// Flatten, which PyTorch orders by channels first. The networks of models/zoo have torchvision's names with
/// Implementation::torchvision. A file of torch.save() may hold the state_dict, or a checkpoint with one inside.
/// Nothing in it is executed; other Python objects than tensors, dictionaries, lists, numbers and texts are an Error.
///
/// Error with the path when the file cannot be read, has another format, has two tensors for one parameter, or has no
/// order although Match::order is requested. Error, unless `strict` is false, when the model and the file do not match,
/// with a list of what is missing, unexpected or of another shape. After an Error the model is unchanged.
LoadReport load_weights(const Model& model, const std::filesystem::path& path, const LoadWeightsOptions& options = {});

}  // namespace xtape
