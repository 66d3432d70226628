// NamedTensor: what the file formats that hold several arrays read and write.
#pragma once

#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An array and the name under which a file holds it.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

}  // namespace xtape
