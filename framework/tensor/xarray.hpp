// Conversion between Tensor and xtensor. This is the only public header that includes xtensor.
#pragma once

#include <vector>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// A read-only xtensor view of the elements, without a copy. It is valid as long as the tensor exists and is not
/// assigned to. Error unless T is the element type.
template <class T>
auto xview(const Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

/// A writable xtensor view of the elements. It is valid until the tensor is copied, assigned to or destroyed. Error
/// unless T is the element type.
template <class T>
auto mutable_xview(Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.mutable_data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

/// Evaluates an xtensor expression as a tensor with the given element type.
template <class Expression>
Tensor from_xtensor(const xt::xexpression<Expression>& expression, DType dtype) {
  const auto& e = expression.derived_cast();
  const std::vector<std::int64_t> extents(e.shape().begin(), e.shape().end());
  Tensor result = Tensor::empty(Shape(extents), dtype);
  with_type(dtype, [&](auto zero) {
    auto target = mutable_xview<decltype(zero)>(result);
    xt::noalias(target) = xt::cast<decltype(zero)>(e);
  });
  return result;
}

/// Evaluates an xtensor expression as a tensor with the element type of the expression.
template <class Expression>
Tensor from_xtensor(const xt::xexpression<Expression>& expression) {
  return from_xtensor(expression, dtype_of<typename Expression::value_type>);
}

/// A copy of the elements as an xt::xarray<T>. Error unless T is the element type.
template <class T>
xt::xarray<T> to_xarray(const Tensor& tensor) {
  return xview<T>(tensor);
}

/// Calls f with xtensor views of the tensors and evaluates the expression that it returns, for example apply([](const
/// auto& x) { return xt::exp(x); }, x). The result has the element type of the tensors, whatever type xtensor promotes
/// to. Error unless all tensors have the same floating type.
template <class F, class... Tensors>
Tensor apply(F&& f, const Tensor& first, const Tensors&... rest) {
  const std::vector<DType> types{first.dtype(), rest.dtype()...};
  check(((rest.dtype() == first.dtype()) && ...), "apply: expected tensors of one type, got {}",
        fmt::join(types, ", "));
  return with_floating("apply", first.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return from_xtensor(f(xview<T>(first), xview<T>(rest)...), first.dtype());
  });
}

}  // namespace xtape
