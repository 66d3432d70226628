// tensor_text: how messages name a tensor that does not fit.
#pragma once

#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// "float32 (2, 3)"; "an undefined tensor".
inline std::string tensor_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("{} {}", tensor.dtype(), tensor.shape()) : "an undefined tensor";
}

/// "(2, 3)"; "an undefined tensor".
inline std::string shape_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("{}", tensor.shape()) : "an undefined tensor";
}

}  // namespace xtape
