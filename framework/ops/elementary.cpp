#include "framework/ops/elementary.hpp"

#include <cmath>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// dx = dy sign(x). It is linear in dy, so its derivative with respect to dy is the same function.
Variable abs_gradient(const Variable& dy, const Tensor& x) {
  Tensor dx = map("abs_gradient", dy.value(), x, [](auto g, auto v) { return v > 0 ? g : v < 0 ? -g : v * g; });
  return record("abs_gradient", std::move(dx), {{dy, [x](const Variable& ddx) { return abs_gradient(ddx, x); }}});
}

/// x^(y-1), but 1 where x = y = 0. The infinite 0^-1 would give NaN when the caller multiplies it by y = 0.
Variable pow_of_one_less(const Variable& x, const Variable& y) {
  const Tensor both_zero = map("pow", x.value(), y.value(), [](auto u, auto v) { return u == 0 && v == 0 ? 1 : 0; });
  return pow(x, add(subtract(y, 1), both_zero));
}

/// z ln x, but 0 where x <= 0.
Variable times_log_of_positive(const Variable& z, const Variable& x) {
  const Tensor others = less_equal(x, 0);
  const Variable zero = Tensor::zeros({}, x.dtype()), one = Tensor::ones({}, x.dtype());
  return multiply(where(others, zero, z), log(where(others, one, x)));
}

}  // namespace

Variable cast(const Variable& x, DType dtype) {
  check(is_floating(x.dtype()) && is_floating(dtype), "cast: expected floating types, got {} and {}", x.dtype(), dtype);
  if (x.dtype() == dtype) return x;
  return record("cast", x.value().to(dtype), {{x, [from = x.dtype()](const Variable& dy) { return cast(dy, from); }}});
}

Variable exp(const Variable& x) {
  Tensor y = map("exp", x.value(), [](auto v) { return std::exp(v); });
  return record("exp", std::move(y), {{x, [](const Variable& dy, const Variable& out) { return multiply(dy, out); }}});
}

Variable log(const Variable& x) {
  Tensor y = map("log", x.value(), [](auto v) { return std::log(v); });
  return record("log", std::move(y), {{x, [x](const Variable& dy) { return divide(dy, x); }}});
}

Variable expm1(const Variable& x) {
  Tensor y = map("expm1", x.value(), [](auto v) { return std::expm1(v); });
  return record("expm1", std::move(y), {{x, [x](const Variable& dy) { return multiply(dy, exp(x)); }}});
}

Variable log1p(const Variable& x) {
  Tensor y = map("log1p", x.value(), [](auto v) { return std::log1p(v); });
  return record("log1p", std::move(y), {{x, [x](const Variable& dy) { return divide(dy, add(x, 1)); }}});
}

Variable sin(const Variable& x) {
  Tensor y = map("sin", x.value(), [](auto v) { return std::sin(v); });
  return record("sin", std::move(y), {{x, [x](const Variable& dy) { return multiply(dy, cos(x)); }}});
}

Variable cos(const Variable& x) {
  Tensor y = map("cos", x.value(), [](auto v) { return std::cos(v); });
  return record("cos", std::move(y), {{x, [x](const Variable& dy) { return negate(multiply(dy, sin(x))); }}});
}

Tensor sign(const Variable& x) {
  return map("sign", x.value(), [](auto v) { return v > 0 ? decltype(v){1} : v < 0 ? decltype(v){-1} : v; });
}

Variable sqrt(const Variable& x) {
  Tensor y = map("sqrt", x.value(), [](auto v) { return std::sqrt(v); });
  return record("sqrt", std::move(y),
                {{x, [](const Variable& dy, const Variable& out) { return divide(dy, multiply(out, 2)); }}});
}

Variable abs(const Variable& x) {
  Tensor y = map("abs", x.value(), [](auto v) { return std::abs(v); });
  return record("abs", std::move(y), {{x, [x = x.value()](const Variable& dy) { return abs_gradient(dy, x); }}});
}

Variable square(const Variable& x) {
  Tensor y = map("square", x.value(), [](auto v) { return v * v; });
  return record("square", std::move(y), {{x, [x](const Variable& dy) { return multiply(dy, multiply(x, 2)); }}});
}

Variable pow(const Variable& x, double p) {
  Tensor y = map("pow", x.value(), [p](auto v) { return std::pow(v, static_cast<decltype(v)>(p)); });
  return record("pow", std::move(y), {{x, [x, p](const Variable& dy) {
                                         if (p == 0) return multiply(dy, 0);
                                         return multiply(dy, multiply(pow(x, p - 1), p));
                                       }}});
}

Variable pow(const Variable& x, const Variable& y) {
  Tensor z = map("pow", x.value(), y.value(), [](auto u, auto v) { return std::pow(u, v); });
  return record("pow", std::move(z),
                {{x,
                  [x, y](const Variable& dz) {
                    const Variable slope = multiply(y, pow_of_one_less(x, y));
                    return sum_to(multiply(dz, slope), x.shape());
                  }},
                 {y, [x, y](const Variable& dz, const Variable& out) {
                    return sum_to(multiply(dz, times_log_of_positive(out, x)), y.shape());
                  }}});
}

}  // namespace xtape
