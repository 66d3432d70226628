// Conversion between the two libraries: tensors and the order of their axes.
#pragma once

#include "framework/tensor/tensor.hpp"

namespace at {
class Tensor;
}

namespace xtape::peer {

/// Copies of float64 and int64 tensors.
at::Tensor to_torch(const Tensor& tensor);
Tensor from_torch(const at::Tensor& tensor);

/// Images (n, height, width, channels) <-> (n, channels, height, width), as functions that PyTorch differentiates.
at::Tensor to_nchw(const at::Tensor& x);
at::Tensor to_nhwc(const at::Tensor& x);

/// Kernels (height, width, channels, filters) <-> (filters, channels, height, width).
at::Tensor to_oihw(const at::Tensor& w);
at::Tensor to_hwio(const at::Tensor& w);

}  // namespace xtape::peer
