// InferenceEpilogue as a function of finished parts of a result. Internal to framework/ops.
#pragma once

#include <cmath>
#include <optional>

#include "framework/kernels/gemm/product.hpp"
#include "framework/kernels/normalization/batch_norm.hpp"
#include "framework/ops/inference_epilogue.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// Whether the arguments of the epilogue have the shapes and types for an output of this shape and type.
inline bool fits(const InferenceEpilogue& e, const Shape& output, DType dtype) {
  const auto agrees = [&](const Tensor& array, const Shape& wanted) {
    return !array.defined() || (array.shape() == wanted && array.dtype() == dtype);
  };
  const Shape channels{output[-1]};
  return agrees(e.gamma, channels) && agrees(e.beta, channels) && agrees(e.bias, channels) &&
         agrees(e.residual, output);
}

/// An epilogue of outputs y (..., channels) with elements of T. It refers to `e`.
template <class T>
class PreparedEpilogue {
 public:
  /// Requires fits().
  PreparedEpilogue(const InferenceEpilogue& e, std::int64_t channels, const T* y)
      : function_(e.function ? std::optional<kernels::InPlaceFunction<T>>(*e.function) : std::nullopt),
        epilogue_(prepared(e, channels, y)) {}
  PreparedEpilogue(const PreparedEpilogue&) = delete;
  PreparedEpilogue& operator=(const PreparedEpilogue&) = delete;
  ~PreparedEpilogue() = default;

  /// Whether the range of T suffices. Otherwise separate ops have to be used.
  bool usable() const { return epilogue_.usable(); }
  /// Changes parts of y. It refers to this object.
  kernels::PartFunction<T> finish() const { return kernels::PartFunction<T>(epilogue_); }

 private:
  kernels::PartEpilogue<T> prepared(const InferenceEpilogue& e, std::int64_t channels, const T* y) const {
    Tensor mean, inverse;
    if (e.mean.defined()) {
      mean = e.mean.to(DType::float64);
      inverse = map("batch_norm_inference", e.variance.to(DType::float64),
                    [epsilon = e.epsilon](auto v) { return 1 / std::sqrt(v + epsilon); });
    }
    const auto data = []<class V>(V, const Tensor& array) { return array.defined() ? array.data<V>() : nullptr; };
    return {channels,
            {data(0.0, mean), data(0.0, inverse), data(T{}, e.gamma), data(T{}, e.beta), data(T{}, e.bias)},
            {data(T{}, e.residual), e.relu, static_cast<T>(e.max_value), function_ ? &*function_ : nullptr},
            y};
  }

  std::optional<kernels::InPlaceFunction<T>> function_;
  kernels::PartEpilogue<T> epilogue_;
};

/// The tensor y of this shape and type after compute(y, finish), which computes y and calls `finish` for its parts.
/// Nothing if the epilogue does not fit.
template <class F>
std::optional<Tensor> with_epilogue(std::string_view function, const Shape& shape, DType dtype,
                                    const InferenceEpilogue& epilogue, const F& compute) {
  if (!fits(epilogue, shape, dtype)) return std::nullopt;
  Tensor y = Tensor::empty(shape, dtype);
  const bool done = with_floating(function, dtype, [&](auto zero) {
    using T = decltype(zero);
    T* const out = y.mutable_data<T>();
    const PreparedEpilogue<T> prepared(epilogue, shape[-1], out);
    if (prepared.usable()) compute(out, prepared.finish());
    return prepared.usable();
  });
  if (!done) return std::nullopt;
  return y;
}

}  // namespace xtape
