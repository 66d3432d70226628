#include "framework/tensor/norm.hpp"

#include <algorithm>
#include <cmath>

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

double sum_of_squares(const Tensor& x, double unit) {
  std::vector<double> partial(static_cast<std::size_t>((x.size() + elementwise_grain - 1) / elementwise_grain));
  with_floating("sum_of_squares", x.dtype(), [&](auto zero) {
    const auto* p = x.data<decltype(zero)>();
    kernels::parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        const double value = static_cast<double>(p[i]) * (1 / unit);
        sum += value * value;
      }
      partial[static_cast<std::size_t>(begin / elementwise_grain)] = sum;
    });
  });
  double total = 0;
  for (const double sum : partial) total += sum;
  return total;
}

double norm_of(const std::vector<Tensor>& tensors) {
  const auto by = [&](double unit) {
    double total = 0;
    for (const Tensor& x : tensors) total += sum_of_squares(x, unit);
    return unit * std::sqrt(total);
  };
  double found = by(1);
  // squares of float32 numbers are in range
  if (std::ranges::none_of(tensors, [](const Tensor& x) { return x.dtype() == DType::float64; })) return found;
  if (!std::isfinite(found)) found = by(0x1p600);  // the squares may have overflowed
  if (found < 0x1p-450) found = by(0x1p-600);      // or underflowed
  return found;
}

}  // namespace xtape
