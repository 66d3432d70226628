// Reads the messages and tensors of ONNX files. Internal to models/files/onnx.
#pragma once

#include <filesystem>

#include "framework/tensor/tensor.hpp"
#include "xtape_onnx.pb.h"

namespace xtape::onnx {

/// Reads and checks the file. Error with the reason when it is not an ONNX model.
xtape_onnx::ModelProto read_file(std::string_view function, const std::filesystem::path& path);

/// The type in xtape of an element type of ONNX: float32 for floating types, int64 for integers and booleans. Error for
/// other types.
DType dtype_of_elements(int type);

/// The tensor, in float32 or int64. Its size is compared with the data before memory is allocated. `folder` is the
/// folder of the model, in which external data must be. Error when the data do not have the shape or the type.
Tensor tensor_of(const xtape_onnx::TensorProto& proto, const std::filesystem::path& folder);

}  // namespace xtape::onnx
