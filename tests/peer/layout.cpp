#include "tests/peer/layout.hpp"

#include <ATen/ATen.h>
#include <algorithm>

namespace xtape::peer {

at::Tensor to_torch(const Tensor& tensor) {
  const std::vector<std::int64_t> extents(tensor.shape().begin(), tensor.shape().end());
  at::Tensor result = at::empty(extents, tensor.dtype() == DType::int64 ? at::kLong : at::kDouble);
  if (tensor.dtype() == DType::int64) {
    std::copy_n(tensor.data<std::int64_t>(), tensor.size(), result.data_ptr<std::int64_t>());
  } else {
    std::copy_n(tensor.data<double>(), tensor.size(), result.data_ptr<double>());
  }
  return result;
}

Tensor from_torch(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  Tensor result = Tensor::empty(Shape(std::span(flat.sizes().data(), flat.sizes().size())), DType::float64);
  std::copy_n(flat.data_ptr<double>(), result.size(), result.mutable_data<double>());
  return result;
}

at::Tensor to_nchw(const at::Tensor& x) { return x.permute({0, 3, 1, 2}).contiguous(); }
at::Tensor to_nhwc(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).contiguous(); }
at::Tensor to_oihw(const at::Tensor& w) { return w.permute({3, 2, 0, 1}).contiguous(); }
at::Tensor to_hwio(const at::Tensor& w) { return w.permute({2, 3, 1, 0}).contiguous(); }

}  // namespace xtape::peer
