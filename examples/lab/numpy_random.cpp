#include "examples/lab/numpy_random.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace xtape::lab {

double NumpyRandom::uniform() {
  const auto high = static_cast<double>(twister_() >> 5U);
  const auto low = static_cast<double>(twister_() >> 6U);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

double NumpyRandom::normal() {
  if (kept_) return *std::exchange(kept_, std::nullopt);
  double x1 = 0, x2 = 0, r2 = 0;
  while (r2 <= 0 || r2 >= 1) {
    x1 = 2 * uniform() - 1;
    x2 = 2 * uniform() - 1;
    r2 = x1 * x1 + x2 * x2;
  }
  const double f = std::sqrt(-2 * std::log(r2) / r2);
  kept_ = f * x1;
  return f * x2;
}

Tensor NumpyRandom::randn(const Shape& shape) {
  Tensor values = Tensor::empty(shape, DType::float64);
  std::generate_n(values.mutable_data<double>(), shape.size(), [this] { return normal(); });
  return values;
}

}  // namespace xtape::lab
