#include "framework/ops/normalization.hpp"

#include <cmath>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/batch_norm.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

void check_shapes(std::string_view function, const Variable& x, const Variable& gamma, const Variable& beta,
                  double epsilon) {
  check(x.rank() >= 2 && x.size() > 0, "{}: expected x (..., channels) with at least one element, got shape {}",
        function, x.shape());
  const Shape wanted{x.dim(-1)};
  check(gamma.shape() == wanted && beta.shape() == wanted,
        "{}: expected gamma and beta of shape {} for x {}, got {} and {}", function, wanted, x.shape(), gamma.shape(),
        beta.shape());
  check(gamma.dtype() == x.dtype() && beta.dtype() == x.dtype(),
        "{}: expected x, gamma and beta of one type, got {}, {} and {}", function, x.dtype(), gamma.dtype(),
        beta.dtype());
  check(epsilon > 0, "{}: expected epsilon above 0, got {}", function, epsilon);
}

Tensor inverse_deviation(const Tensor& variance, double epsilon) {
  return map("batch_norm", variance,
             [epsilon](auto v) { return 1 / std::sqrt(v + static_cast<decltype(v)>(epsilon)); });
}

/// gamma (x - mean) * inverse as x * scale + shift.
Tensor normalize(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean, const Tensor& inverse) {
  const Tensor scale = map("batch_norm", gamma, inverse, [](auto g, auto i) { return g * i; });
  const Tensor moved = map("batch_norm", mean, scale, [](auto m, auto s) { return m * s; });
  const Tensor shift = map("batch_norm", beta, moved, [](auto b, auto m) { return b - m; });
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating("batch_norm", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::scale_and_shift(x.size() / x.dim(-1), x.dim(-1), x.data<T>(), scale.data<T>(), shift.data<T>(),
                             y.mutable_data<T>());
  });
  return y;
}

struct Sums {
  Tensor dgamma, dbeta;
};
Sums parameter_gradients(const Tensor& x, const Tensor& dy, const Tensor& mean, const Tensor& inverse) {
  Sums sums{Tensor::empty(mean.shape(), x.dtype()), Tensor::empty(mean.shape(), x.dtype())};
  with_floating("batch_norm", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::batch_norm_sums(x.size() / x.dim(-1), x.dim(-1), x.data<T>(), dy.data<T>(), mean.data<T>(),
                             inverse.data<T>(), sums.dgamma.mutable_data<T>(), sums.dbeta.mutable_data<T>());
  });
  return sums;
}

}  // namespace

BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon) {
  check_shapes("batch_norm", x, gamma, beta, epsilon);
  const std::int64_t channels = x.dim(-1);
  const std::int64_t rows = x.size() / channels;
  Tensor mean = Tensor::empty({channels}, x.dtype());
  Tensor variance = Tensor::empty({channels}, x.dtype());
  with_floating("batch_norm", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::channel_moments(rows, channels, x.value().data<T>(), mean.mutable_data<T>(), variance.mutable_data<T>());
  });
  const Tensor inverse = inverse_deviation(variance, epsilon);
  Tensor y = normalize(x.value(), gamma.value(), beta.value(), mean, inverse);
  const auto pullback = [x = x.value(), gamma = gamma.value(), mean, inverse, rows, channels](const Tensor& dy) {
    const Sums sums = parameter_gradients(x, dy, mean, inverse);
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    with_floating("batch_norm", x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::batch_norm_input_gradient(rows, channels, x.data<T>(), dy.data<T>(), mean.data<T>(), inverse.data<T>(),
                                         gamma.data<T>(), sums.dgamma.data<T>(), sums.dbeta.data<T>(),
                                         dx.mutable_data<T>());
    });
    return std::vector{dx, sums.dgamma, sums.dbeta};
  };
  return {record("batch_norm", std::move(y), {x, gamma, beta}, pullback), mean, variance};
}

Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon) {
  check_shapes("batch_norm_inference", x, gamma, beta, epsilon);
  check(mean.shape() == gamma.shape() && variance.shape() == gamma.shape(),
        "batch_norm_inference: expected a mean and a variance of shape {}, got {} and {}", gamma.shape(), mean.shape(),
        variance.shape());
  const Tensor inverse = inverse_deviation(variance, epsilon);
  Tensor y = normalize(x.value(), gamma.value(), beta.value(), mean, inverse);
  const auto pullback = [x = x.value(), gamma = gamma.value(), mean, inverse](const Tensor& dy) {
    const auto [dgamma, dbeta] = parameter_gradients(x, dy, mean, inverse);
    const Tensor scale = map("batch_norm_inference", gamma, inverse, [](auto g, auto i) { return g * i; });
    return std::vector{map("batch_norm_inference", dy, scale, [](auto d, auto s) { return d * s; }), dgamma, dbeta};
  };
  return record("batch_norm_inference", std::move(y), {x, gamma, beta}, pullback);
}

}  // namespace xtape
