// Conversions between channels last, the order of xtape, and channels first, that of PyTorch and ONNX. Internal to
// models/.
#pragma once

#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The tensor with permuted axes.
Tensor permuted(const Tensor& tensor, const std::vector<int>& axes);

/// The rows of a matrix, or elements of a vector, that belong to the elements of a flattened image, in the order of the
/// channels-first image. `image` is the channels-last shape, in whose order the rows are given.
Tensor channels_first_rows(const Tensor& rows, const Shape& image);
/// The inverse of channels_first_rows().
Tensor channels_last_rows(const Tensor& rows, const Shape& image);

}  // namespace xtape
