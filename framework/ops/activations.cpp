#include "framework/ops/activations.hpp"

#include <cmath>
#include <numbers>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/exponential.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

// Computed in double for both types, because the tail amplifies the rounding error of x / sqrt(2) by x^2.

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double normal_density(double x) { return std::exp(-0.5 * x * x) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2); }

/// x * factor, where infinity times 0 is 0, because the factor tends to 0 faster than x grows.
double vanishing(double x, double factor) { return factor == 0 ? 0 : x * factor; }

/// slope * x; 0 if the slope is 0, even if x is infinite.
template <class T>
T flattened(double slope, T x) {
  return slope == 0 ? T{0} : static_cast<T>(slope) * x;
}

/// The gradient of relu and leaky_relu: dx = dy where y > 0, else slope dy. It is linear in dy, so its derivative with
/// respect to dy is the same function.
Variable relu_gradient(const Variable& dy, const Tensor& y, double slope) {
  Tensor dx = map("relu_gradient", dy.value(), y, [slope](auto g, auto v) { return v > 0 ? g : flattened(slope, g); });
  return record("relu_gradient", std::move(dx),
                {{dy, [y, slope](const Variable& ddx) { return relu_gradient(ddx, y, slope); }}});
}

template <class T>
T rectified(T x) {
  return T{0} > x ? T{0} : x;
}

/// Records y = relu(x).
Variable recorded_relu(const Variable& x, Tensor y) {
  return record("relu", std::move(y),
                {{x, [](const Variable& dy, const Variable& out) { return relu_gradient(dy, out.value(), 0); }}});
}

// The derivatives are computed from x, because 1 - y has lost digits where y is near 1.

/// dx = dy y (1 - y) = dy e / (1 + e)^2 with e = e^-|x|.
Variable sigmoid_gradient(const Variable& dy, const Variable& x) {
  Tensor dx = map_derivative("sigmoid_gradient", dy.value(), x.value(), sigmoid.of_element());
  return record("sigmoid_gradient", std::move(dx),
                {{dy, [x](const Variable& ddx) { return sigmoid_gradient(ddx, x); }},
                 {x, [dy, x](const Variable& ddx) { return ddx * sigmoid_gradient(dy, x) * tanh(x * 0.5) * -1; }}});
}

/// dx = dy (1 - y^2) = dy 4 e / (1 + e)^2 with e = e^-2|x|.
Variable tanh_gradient(const Variable& dy, const Variable& x) {
  Tensor dx = map_derivative("tanh_gradient", dy.value(), x.value(), tanh_of_element());
  return record("tanh_gradient", std::move(dx),
                {{dy, [x](const Variable& ddx) { return tanh_gradient(ddx, x); }},
                 {x, [dy, x](const Variable& ddx) { return ddx * tanh_gradient(dy, x) * tanh(x) * -2; }}});
}

/// dx = dy for x > 0, else dy alpha e^x.
Variable elu_gradient(const Variable& dy, const Variable& x, double alpha) {
  Tensor dx = map_derivative("elu_gradient", dy.value(), x.value(), elu.of_element(alpha));
  return record("elu_gradient", std::move(dx),
                {{dy, [x, alpha](const Variable& ddx) { return elu_gradient(ddx, x, alpha); }},
                 {x, [dy, x, alpha](const Variable& ddx) {
                    const Tensor bent = map("elu_gradient", x.value(), [](auto v) { return v > 0 ? 0 : 1; });
                    return ddx * elu_gradient(dy, x, alpha) * bent;
                  }}});
}

/// dx = dy (Phi(x) + x Phi'(x)); its derivative with respect to x is dy Phi'(x) (2 - x^2).
Variable gelu_gradient(const Variable& dy, const Variable& x) {
  Tensor dx = map_derivative("gelu_gradient", dy.value(), x.value(), gelu.of_element());
  return record("gelu_gradient", std::move(dx),
                {{dy, [x](const Variable& ddx) { return gelu_gradient(ddx, x); }},
                 {x, [dy, x](const Variable& ddx) {
                    const Variable near = clip(x, -40, 40);  // outside of this range Phi' is 0 in float64
                    const Variable density =
                        exp(square(near) * -0.5) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
                    return ddx * dy * density * (2 - square(near));
                  }}});
}

}  // namespace

ElementFunction ReluFunction::of_element() const {
  return ElementFunction([](auto v) { return rectified(v); },
                         [](auto g, auto v) { return v > 0 ? g : decltype(g){0}; });
}

Variable ReluFunction::operator()(const Variable& x) const {
  return recorded_relu(x, map("relu", x.value(), of_element()));
}

Variable add_relu(const Variable& a, const Variable& b) {
  const Tensor y = map("add", a.value(), b.value(), [](auto u, auto v) { return rectified(u + v); });
  const Variable sum = record("add", y,
                              {{a, [shape = a.shape()](const Variable& dy) { return sum_to(dy, shape); }},
                               {b, [shape = b.shape()](const Variable& dy) { return sum_to(dy, shape); }}});
  return recorded_relu(sum, y);
}

ElementFunction SigmoidFunction::of_element() const {
  return ElementFunction([](auto v) { return logistic(v); },
                         [](auto g, auto v) {
                           const auto e = fast_exp(-std::abs(v));
                           return g * (e / ((1 + e) * (1 + e)));
                         });
}

Variable SigmoidFunction::operator()(const Variable& x) const {
  Tensor y = map("sigmoid", x.value(), of_element());
  return record("sigmoid", std::move(y), {{x, [x](const Variable& dy) { return sigmoid_gradient(dy, x); }}});
}

ElementFunction tanh_of_element() {
  return ElementFunction([](auto v) { return std::tanh(v); },
                         [](auto g, auto v) {
                           const auto e = fast_exp(-2 * std::abs(v));
                           return g * (4 * e / ((1 + e) * (1 + e)));
                         });
}

Variable tanh(const Variable& x) {
  Tensor y = map("tanh", x.value(), tanh_of_element());
  return record("tanh", std::move(y), {{x, [x](const Variable& dy) { return tanh_gradient(dy, x); }}});
}

ElementFunction SoftplusFunction::of_element() const {
  return ElementFunction(
      [](auto v) { return (decltype(v){0} > v ? decltype(v){0} : v) + std::log1p(std::exp(-std::abs(v))); },
      [](auto g, auto v) { return g * logistic(v); });
}

Variable SoftplusFunction::operator()(const Variable& x) const {
  Tensor y = map("softplus", x.value(), of_element());
  return record("softplus", std::move(y), {{x, [x](const Variable& dy) { return multiply(dy, sigmoid(x)); }}});
}

ElementFunction EluFunction::of_element(double alpha) const {
  check(alpha >= 0, "elu: expected alpha >= 0, got {}", alpha);
  return ElementFunction(
      [alpha](auto v) { return v > 0 ? v : static_cast<decltype(v)>(alpha) * std::expm1(v); },
      [alpha](auto g, auto v) { return v > 0 ? g : g * (static_cast<decltype(g)>(alpha) * std::exp(v)); });
}

Variable EluFunction::operator()(const Variable& x, double alpha) const {
  Tensor y = map("elu", x.value(), of_element(alpha));
  return record("elu", std::move(y), {{x, [x, alpha](const Variable& dy) { return elu_gradient(dy, x, alpha); }}});
}

ElementFunction LeakyReluFunction::of_element(double slope) const {
  check(slope >= 0, "leaky_relu: expected slope >= 0, got {}", slope);
  return ElementFunction([slope](auto v) { return v < 0 ? flattened(slope, v) : v; },
                         [slope](auto g, auto v) { return v > 0 ? g : flattened(slope, g); });
}

Variable LeakyReluFunction::operator()(const Variable& x, double slope) const {
  Tensor y = map("leaky_relu", x.value(), of_element(slope));
  return record(
      "leaky_relu", std::move(y),
      {{x, [slope](const Variable& dy, const Variable& out) { return relu_gradient(dy, out.value(), slope); }}});
}

ElementFunction GeluFunction::of_element() const {
  return ElementFunction(
      [](double v) { return vanishing(v, normal_distribution(v)); },
      [](double g, double v) { return g * (normal_distribution(v) + vanishing(v, normal_density(v))); });
}

Variable GeluFunction::operator()(const Variable& x) const {
  Tensor y = map("gelu", x.value(), of_element());
  return record("gelu", std::move(y), {{x, [x](const Variable& dy) { return gelu_gradient(dy, x); }}});
}

}  // namespace xtape
