// NamedTensor and StoredTensor: the arrays in files that hold several of them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An array and its name in a file.
struct NamedTensor {
  std::string name;  ///< name of the array in the file
  Tensor tensor;     ///< the elements
};

/// The description of an array in a file, which can be read later.
struct StoredTensor {
  std::string name;            ///< name of the array in the file
  std::optional<DType> dtype;  ///< element type after read(); none if the array cannot be read as a tensor
  std::string type;            ///< element type in the file, such as "float16", "I32" or "strings"
  Shape shape;                 ///< () if no tensor can have the shape
  /// Reads the array. Throws Error with path and name if there is no dtype or the file cannot be read. Thread-safe.
  std::function<Tensor()> read;
};

}  // namespace xtape
