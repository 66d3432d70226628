// The bridge to xtensor: any expression in, views and xarrays out. The only public header that includes xtensor.
#pragma once

#include <vector>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The elements as a read-only xtensor array of T, without a copy; valid as long as the tensor is. Error unless T is
/// the element type.
template <class T>
auto xview(const Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

/// The elements as a writable xtensor array of T; valid until the tensor is copied.
template <class T>
auto mutable_xview(Tensor& tensor) {
  const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
  return xt::adapt(tensor.mutable_data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

/// Evaluates an xtensor expression into a tensor of the given type.
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

/// Evaluates an xtensor expression into a tensor of the expression's own element type.
template <class Expression>
Tensor from_xtensor(const xt::xexpression<Expression>& expression) {
  return from_xtensor(expression, dtype_of<typename Expression::value_type>);
}

/// A copy of the elements as an xt::xarray<T>. Error unless T is the element type.
template <class T>
xt::xarray<T> to_xarray(const Tensor& tensor) {
  return xview<T>(tensor);
}

/// Evaluates f on tensors of one floating type as xtensor arrays: apply([](const auto& x) { return xt::exp(x); }, x).
/// The result has the tensors' element type whatever xtensor promotes to in between. Error for other types.
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
