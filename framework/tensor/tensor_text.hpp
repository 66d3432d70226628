// tensor_text: the type and shape of a tensor in error messages.
#pragma once

#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The type and shape, such as "float32 (2, 3)"; "an undefined tensor" if there is none.
inline std::string tensor_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("{} {}", tensor.dtype(), tensor.shape()) : "an undefined tensor";
}

/// The shape, such as "(2, 3)"; "an undefined tensor" if there is none.
inline std::string shape_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("{}", tensor.shape()) : "an undefined tensor";
}

}  // namespace xtape
