#include "framework/ops/unit_vectors.hpp"

#include <cmath>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

Tensor magnitude(const Variable& x, const std::vector<int>& axes) {
  const Tensor largest = max(abs(x.detached()), axes, true).value();
  return map("magnitude", largest, [](auto v) {
    using T = decltype(v);
    return v > 0 && std::isfinite(v) ? std::ldexp(T(1), std::ilogb(v)) : T(1);
  });
}

Variable unit_vectors(const Variable& x, const std::vector<int>& axes, double smallest) {
  const Variable scale = maximum(magnitude(x, axes), Tensor::scalar(1, x.dtype())), near = x / scale;
  const Variable least = square(divide(Tensor::scalar(smallest, x.dtype()), scale));
  return near / sqrt(maximum(sum(square(near), axes, true), least));
}

}  // namespace xtape
