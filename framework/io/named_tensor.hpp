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

/// An array that a file holds, described and not read yet: what it would take to read it has been checked, memory has
/// not been taken.
struct StoredTensor {
  std::string name;
  std::optional<DType> dtype;  ///< that read() gives; none when xtape does not read elements of this type
  std::string type;            ///< of the file's elements, such as "float16", "I32" or "strings"
  Shape shape;
  /// Error with path and name when the type is none that is read, or the file can't be read after all. Any number of
  /// threads may read at once.
  std::function<Tensor()> read;
};

}  // namespace xtape
