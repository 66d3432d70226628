#include "optim/layerwise.hpp"

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/norm.hpp"

namespace xtape {

double norm_ratio(const Tensor& value, const Tensor& direction) {
  const double above = norm_of({value}), below = norm_of({direction});
  return above > 0 && below > 0 ? above / below : 1;
}

void subtract_scaled(Tensor& value, const Tensor& direction, double factor) {
  with_floating("subtract_scaled", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const d = direction.data<T>();
    T* const p = value.mutable_data<T>();
    kernels::parallel_for(value.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) p[i] -= static_cast<T>(factor * d[i]);
    });
  });
}

}  // namespace xtape
