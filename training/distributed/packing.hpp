// Tensors as parts of one message.
#pragma once

#include <algorithm>
#include <cstdint>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Copies the elements of a floating tensor into the message, which has its type, from element `begin` on.
inline void pack(const Tensor& tensor, std::int64_t begin, Tensor& message) {
  with_floating("pack", message.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::copy_n(tensor.data<T>(), tensor.size(), message.mutable_data<T>() + begin);
  });
}

/// The elements of the message from `begin` on, as a tensor of this shape.
inline Tensor unpacked(const Tensor& message, std::int64_t begin, const Shape& shape) {
  Tensor tensor = Tensor::empty(shape, message.dtype());
  with_floating("unpacked", message.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::copy_n(message.data<T>() + begin, shape.size(), tensor.mutable_data<T>());
  });
  return tensor;
}

}  // namespace xtape
