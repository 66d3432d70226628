// ONNX files: models for other software, and models of other software.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/graph/model.hpp"

namespace xtape {

/// The order of the axes of images at the inputs and outputs: of the file for save_onnx(), of the model for
/// load_onnx().
enum class ImageAxes {
  channels_first,  ///< (n, channels, height, width), the order of ONNX's convolutions
  channels_last,   ///< (n, height, width, channels), the order of xtape
};

/// Options of save_onnx().
struct SaveOnnxOptions {
  int opset = 17;      ///< version of the operator set, 17 to 21
  int ir_version = 8;  ///< version of the file format, 8 to 10; opset 19 needs 9 and opset 21 needs 10
  /// Order of the axes of inputs and outputs whose samples have three axes. With channels_last the file accepts the
  /// same arrays as the model; it then has one Transpose at each such input and output. In the metadata under
  /// "image_axes".
  ImageAxes images = ImageAxes::channels_first;
  /// Multiply the kernels of convolutions and dense layers by the factors of the batch normalization that follows.
  bool fold_batch_norm = false;
  /// The names of the classes, one for each output value; a JSON list in the metadata under "class_names".
  std::vector<std::string> class_names = {};
  /// How inputs are made from images, in words for the reader: "RGB, values / 255". In the metadata under
  /// "preprocessing".
  std::string preprocessing = "";
  /// More metadata. Error if a name is one that save_onnx() writes itself.
  std::map<std::string, std::string> metadata = {};
};

/// Writes the model for inference as an ONNX file (.onnx), in float32. The first axis of inputs and outputs is the
/// symbolic batch "n"; extents that are unknown are symbolic too. Inside the graph images have the channels first and
/// kernels the order of ONNX. A Flatten of images is followed by dense kernels with permuted rows, so there is no
/// Transpose between layers, except where a layer that uses the order of the axes reads an image, such as Reshape.
/// Inner models are written layer by layer. Layers that are active in training alone, such as Dropout, are left out.
/// Names of inputs, outputs and tensors are those of layers and parameters.
///
/// Written atomically. Error with the path when the file cannot be written, or would exceed 2 GiB; with the layer when
/// ONNX cannot express it: a custom layer or function, or an operator that needs an extent that is unknown. Error for a
/// version out of range, and unless there are no class names or one for each output value. Error if this build has no
/// protobuf library.
void save_onnx(const Model& model, const std::filesystem::path& path, const SaveOnnxOptions& options = {});

/// Options of load_onnx().
struct LoadOnnxOptions {
  /// Order of the axes of images at the inputs and outputs of the model. An input is an image if an operator reads it
  /// that needs the channels in front, such as Conv, or if save_onnx() wrote it as one. By default it is the order of
  /// xtape; the axes of images are then not those of the file. With channels_first the model accepts the same arrays as
  /// the file.
  ImageAxes images = ImageAxes::channels_last;
  /// Whether the first axis of every input is the batch. If not, the whole array of the file is one sample, and the
  /// model has one more axis in front.
  bool batch_axis = true;
  std::string name = "";  ///< name of the model; by default that of the graph in the file
};

/// Reads an ONNX file as a model that can be run, trained, cloned and saved. Opsets 7 to 21 of the operators in
/// docs/formats.md. Convolutions, dense products, normalizations, poolings and activations become the layers of xtape;
/// other operators become Operator layers. Weights are float32 and trainable; float16, bfloat16 and float64 are
/// converted. Computations of constants and of shapes are done while reading. The batch of the file, if it is a fixed
/// number, becomes any batch.
///
/// Data in other files are read if these files are in the folder of the model or below it. Error with the path, the
/// node, the operator and the opset for anything that is not supported, also for graphs that combine samples of a
/// batch; Error for damaged files. Error if this build has no protobuf library.
Model load_onnx(const std::filesystem::path& path, const LoadOnnxOptions& options = {});

/// The metadata of an ONNX file by name, such as "class_names" and "preprocessing". Errors as for load_onnx().
std::map<std::string, std::string> load_onnx_metadata(const std::filesystem::path& path);

/// A node of an ONNX file.
struct OnnxNode {
  std::string name;  ///< its name; in files of save_onnx() the path of the layer and the operator, "conv1/Conv"
  std::string type;  ///< the operator, such as "Conv"
};

/// The nodes of the graph in an ONNX file, in order, without those of branches. Errors as for load_onnx().
std::vector<OnnxNode> list_onnx_nodes(const std::filesystem::path& path);

}  // namespace xtape
