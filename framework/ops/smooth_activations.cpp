#include "framework/ops/smooth_activations.hpp"

#include <cmath>
#include <numbers>

#include "framework/ops/elementwise_function.hpp"
#include "framework/ops/exponential.hpp"

namespace xtape {
namespace {

/// x times a factor that goes to 0 faster than x grows, so that infinity times 0 is 0.
template <class T>
T vanishing(T x, T factor) {
  return factor == 0 ? 0 : x * factor;
}

/// g(x) = tanh(softplus(x)) and its first two derivatives. With e = e^x it is n / (n + 2), n = e^2 + 2 e; for x > 0 all
/// is divided by powers of e.
struct TanhOfSoftplus {
  double value, first, second;
  explicit TanhOfSoftplus(double x) {
    const bool right = x > 0;
    const double e = std::exp(right ? -x : x);
    const double n = right ? 1 + 2 * e : e * (e + 2), d = right ? 1 + 2 * e * (1 + e) : n + 2;
    const double scale = right ? e * e : e;
    value = n / d;
    first = 4 * scale * (1 + e) / (d * d);
    const double bend = right ? (2 + e) * d - 4 * (1 + e) * (1 + e) : (2 * e + 1) * d - 4 * e * (1 + e) * (1 + e);
    second = 4 * scale * bend / (d * d * d);
  }
};

/// The exponent 2 (2 / pi)^(1/2) (x + 0.044715 x^3) of gelu_tanh = x logistic(exponent), and its derivatives.
struct GeluExponent {
  static constexpr double factor = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi, cubic = 0.044715;
  double value, first, second, share, slope;  // slope: share (1 - share)
  explicit GeluExponent(double x)
      : value(factor * x * (1 + cubic * x * x)),
        first(factor * (1 + 3 * cubic * x * x)),
        second(6 * factor * cubic * x),
        share(logistic(value)),
        slope(share * logistic(-value)) {}
};

constexpr double selu_scale = 1.0507009873554805, selu_alpha = 1.6732632423543773;

/// x - tanh(x) for |x| <= 1, as (x cosh x - sinh x) / cosh x: the terms 2 k x^(2 k + 1) / (2 k + 1)! of the numerator
/// have one sign, so that nothing cancels.
double small_tanh_shrink(double x) {
  const double s = x * x;
  double term = x * s / 6, sum = 0;  // x^(2 k + 1) / (2 k + 1)!
  for (int k = 1; k <= 9; ++k) {
    sum += 2 * k * term;
    term *= s / ((2 * k + 2) * (2 * k + 3));
  }
  return sum / std::cosh(x);
}

/// (x + sqrt(x^2 + b)) / 2, where root is sqrt(b). hypot: the square of x may be out of range. Left of 0 the sum would
/// cancel.
double squareplus_of(double x, double b, double root) {
  const double length = std::hypot(x, root);
  return x > 0 ? (x + length) / 2 : b / (2 * (length - x));
}

}  // namespace

ElementFunction SiluFunction::of_element() const {
  return element_function(
      [](auto v) { return vanishing(v, logistic(v)); },
      [](auto v) {
        const auto e = fast_exp(-std::abs(v));
        const auto s = (v < 0 ? e : 1) / (1 + e);
        return s + vanishing(v, e / ((1 + e) * (1 + e)));  // the slope of the logistic function, s (1 - s)
      });
}

Variable SiluFunction::operator()(const Variable& x) const {
  return record_elementwise("silu", x, of_element(), [](double v) {
    return vanishing(2 - vanishing(v, std::tanh(v / 2)), logistic(v) * logistic(-v));
  });
}

ElementFunction MishFunction::of_element() const {
  return element_function([](double v) { return vanishing(v, TanhOfSoftplus(v).value); },
                          [](double v) {
                            const TanhOfSoftplus g(v);
                            return g.value + vanishing(v, g.first);
                          });
}

Variable MishFunction::operator()(const Variable& x) const {
  return record_elementwise("mish", x, of_element(), [](double v) {
    const TanhOfSoftplus g(v);
    return 2 * g.first + vanishing(v, g.second);
  });
}

ElementFunction GeluTanhFunction::of_element() const {
  return element_function([](double v) { return vanishing(v, GeluExponent(v).share); },
                          [](double v) {
                            const GeluExponent u(v);
                            return u.share + vanishing(v * u.first, u.slope);
                          });
}

Variable GeluTanhFunction::operator()(const Variable& x) const {
  return record_elementwise("gelu_tanh", x, of_element(), [](double v) {
    const GeluExponent u(v);
    const double bend = 2 * u.first + v * u.second - v * u.first * u.first * std::tanh(u.value / 2);
    return vanishing(bend, u.slope);
  });
}

ElementFunction CeluFunction::of_element(double alpha) const {
  check(alpha > 0 && std::isfinite(alpha), "celu: expected a finite alpha above 0, got {}", alpha);
  return element_function([alpha](double v) { return v > 0 ? v : alpha * std::expm1(v / alpha); },
                          [alpha](double v) { return v > 0 ? 1 : std::exp(v / alpha); });
}

Variable CeluFunction::operator()(const Variable& x, double alpha) const {
  return record_elementwise("celu", x, of_element(alpha),
                            [alpha](double v) { return v > 0 ? 0 : std::exp(v / alpha) / alpha; });
}

ElementFunction SeluFunction::of_element() const {
  return element_function([](double v) { return selu_scale * (v > 0 ? v : selu_alpha * std::expm1(v)); },
                          [](double v) { return selu_scale * (v > 0 ? 1 : selu_alpha * std::exp(v)); });
}

Variable SeluFunction::operator()(const Variable& x) const {
  return record_elementwise("selu", x, of_element(),
                            [](double v) { return v > 0 ? 0 : selu_scale * selu_alpha * std::exp(v); });
}

ElementFunction SoftsignFunction::of_element() const {
  return element_function(
      [](double v) { return std::abs(v) > 1 ? std::copysign(1 / (1 + 1 / std::abs(v)), v) : v / (1 + std::abs(v)); },
      [](double v) {
        const double share = 1 / (1 + std::abs(v));
        return share * share;
      });
}

Variable SoftsignFunction::operator()(const Variable& x) const {
  return record_elementwise("softsign", x, of_element(), [](double v) {
    const double share = 1 / (1 + std::abs(v));
    return v == 0 ? 0 : std::copysign(2 * share * share * share, -v);
  });
}

ElementFunction SquareplusFunction::of_element(double b) const {
  check(b > 0 && std::isfinite(b), "squareplus: expected a finite b above 0, got {}", b);
  const double root = std::sqrt(b);
  return element_function([b, root](double v) { return squareplus_of(v, b, root); },
                          [b, root](double v) {
                            const double length = std::hypot(v, root);
                            return std::isinf(length) ? (v > 0 ? 1 : 0) : squareplus_of(v, b, root) / length;
                          });
}

Variable SquareplusFunction::operator()(const Variable& x, double b) const {
  const double root = std::sqrt(b);
  return record_elementwise("squareplus", x, of_element(b), [b, root](double v) {
    const double length = std::hypot(v, root);
    return b / 2 / length / length / length;
  });
}

ElementFunction ExponentialFunction::of_element() const {
  const auto f = [](double v) { return std::exp(v); };
  return element_function(f, f);
}

Variable ExponentialFunction::operator()(const Variable& x) const {
  return record_elementwise("exponential", x, of_element(), [](double v) { return std::exp(v); });
}

ElementFunction LogSigmoidFunction::of_element() const {
  return element_function([](double v) { return (v < 0 ? v : 0) - std::log1p(std::exp(-std::abs(v))); },
                          [](double v) { return logistic(-v); });
}

Variable LogSigmoidFunction::operator()(const Variable& x) const {
  return record_elementwise("log_sigmoid", x, of_element(), [](double v) { return -logistic(v) * logistic(-v); });
}

ElementFunction TanhShrinkFunction::of_element() const {
  return element_function([](double v) { return std::abs(v) < 1 ? small_tanh_shrink(v) : v - std::tanh(v); },
                          [](double v) {
                            const double t = std::tanh(v);
                            return t * t;
                          });
}

Variable TanhShrinkFunction::operator()(const Variable& x) const {
  return record_elementwise("tanh_shrink", x, of_element(), [](double v) {
    const double e = std::exp(-2 * std::abs(v));
    return 8 * std::tanh(v) * e / ((1 + e) * (1 + e));
  });
}

ElementFunction SparsePlusFunction::of_element() const {
  return element_function([](double v) { return v <= -1  ? 0
                                                : v >= 1 ? v
                                                         : (v + 1) * (v + 1) / 4; },
                          [](double v) { return v <= -1  ? 0
                                                : v >= 1 ? 1
                                                         : (v + 1) / 2; });
}

Variable SparsePlusFunction::operator()(const Variable& x) const {
  return record_elementwise("sparse_plus", x, of_element(), [](double v) { return v > -1 && v < 1 ? 0.5 : 0; });
}

}  // namespace xtape
