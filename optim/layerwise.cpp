#include "optim/layerwise.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

namespace {

/// The norm in units of `unit`.
double norm_by(const Tensor& x, double unit) {
  std::vector<double> sums(static_cast<std::size_t>((x.size() + elementwise_grain - 1) / elementwise_grain));
  with_floating("norm_of", x.dtype(), [&](auto zero) {
    const auto* const values = x.data<decltype(zero)>();
    kernels::parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const double v = static_cast<double>(values[i]) / unit;
        sum += v * v;
      }
      sums[static_cast<std::size_t>(begin / elementwise_grain)] = sum;
    });
  });
  return unit * std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

}  // namespace

double norm_of(const Tensor& x) {
  double norm = norm_by(x, 1);
  if (x.dtype() != DType::float64) return norm;
  if (!std::isfinite(norm)) norm = norm_by(x, 0x1p600);  // the squares may have overflowed
  if (norm < 0x1p-450) norm = norm_by(x, 0x1p-600);      // or underflowed
  return norm;
}

double norm_ratio(const Tensor& value, const Tensor& direction) {
  const double above = norm_of(value), below = norm_of(direction);
  return above > 0 && below > 0 ? above / below : 1;
}

void subtract_scaled(Tensor& value, const Tensor& direction, double factor) {
  with_floating("subtract_scaled", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto times = static_cast<T>(factor);
    const T* const d = direction.data<T>();
    T* const p = value.mutable_data<T>();
    kernels::parallel_for(value.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) p[i] -= times * d[i];
    });
  });
}

}  // namespace xtape
