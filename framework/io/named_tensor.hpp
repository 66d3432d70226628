// NamedTensor and StoredTensor: what the file formats that hold several arrays read and write.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An array and the name under which a file holds it.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// An array that a file holds, described and not read yet.
struct StoredTensor {
  std::string name;
  std::optional<DType> dtype;  ///< that read() gives; none when xtape does not read arrays of this type or shape
  std::string type;            ///< of the file's elements, such as "float16", "I32" or "strings"
  Shape shape;                 ///< of no axes when a tensor can't have it
  /// Error with path and name when there is no dtype, or the file can't be read after all. Any number of threads may
  /// read at once.
  std::function<Tensor()> read;
};

}  // namespace xtape
