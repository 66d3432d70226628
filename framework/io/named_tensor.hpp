// NamedTensor and StoredTensor: what the file formats that hold several arrays read and write.
#pragma once

#include <functional>
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
  DType dtype;       ///< that read() gives
  std::string type;  ///< of the file's elements, such as "float16"
  Shape shape;
  std::function<Tensor()> read;  ///< Error with path and name when the file can't be read after all
};

}  // namespace xtape
