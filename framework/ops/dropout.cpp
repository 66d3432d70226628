#include "framework/ops/dropout.hpp"

#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {

Variable dropout(const Variable& x, double rate, ForwardPass& pass) {
  check(rate >= 0 && rate < 1, "dropout: expected a rate in [0, 1), got {}", rate);
  check(is_floating(x.dtype()), "dropout: expected float32 or float64, got {}", x.dtype());
  if (!pass.training() || rate == 0) return x;
  const Tensor draws = pass.random_stream().uniform(x.shape(), 0, 1, x.dtype());
  const Variable mask = map("dropout", draws, [rate](auto u) {
    using T = decltype(u);
    return u < static_cast<T>(rate) ? T{0} : static_cast<T>(1 / (1 - rate));
  });
  Tensor y = map("dropout", x.value(), mask.value(), [](auto v, auto m) { return v * m; });
  return record("dropout", std::move(y), {{x, [mask](const Variable& dy) { return multiply(dy, mask); }}});
}

Variable dropout(const Variable& x, double rate, const Shape& draws, ForwardPass& pass) {
  if (!pass.training() || rate == 0) return x;
  return x * dropout(Variable(Tensor::ones(draws, x.dtype())), rate, pass);
}

}  // namespace xtape
