#include "framework/ops/activations.hpp"

#include <cmath>
#include <numbers>

#include "framework/autograd/tape.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

template <class T>
T normal_distribution(T x) {
  return T{0.5} * std::erfc(-x / std::numbers::sqrt2_v<T>);
}

template <class T>
T normal_density(T x) {
  return std::exp(T{-0.5} * x * x) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
}

/// dx = dy where y > 0, else slope dy: of relu and leaky_relu. Linear in dy, so its own derivative is itself.
Variable relu_gradient(const Variable& dy, const Tensor& y, double slope) {
  Tensor dx = map("relu_gradient", dy.value(), y,
                  [slope](auto g, auto v) { return v > 0 ? g : static_cast<decltype(g)>(slope) * g; });
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

/// dx = dy y (1 - y).
Variable sigmoid_gradient(const Variable& dy, const Variable& y) {
  Tensor dx = map("sigmoid_gradient", dy.value(), y.value(), [](auto g, auto v) { return g * v * (1 - v); });
  return record("sigmoid_gradient", std::move(dx),
                {{dy, [y](const Variable& ddx) { return sigmoid_gradient(ddx, y); }},
                 {y, [dy, y](const Variable& ddx) { return ddx * dy * (1 - 2 * y); }}});
}

/// dx = dy (1 - y^2).
Variable tanh_gradient(const Variable& dy, const Variable& y) {
  Tensor dx = map("tanh_gradient", dy.value(), y.value(), [](auto g, auto v) { return g * (1 - v * v); });
  return record("tanh_gradient", std::move(dx),
                {{dy, [y](const Variable& ddx) { return tanh_gradient(ddx, y); }},
                 {y, [dy, y](const Variable& ddx) { return ddx * dy * y * -2; }}});
}

/// dx = dy for y > 0, else dy (y + alpha).
Variable elu_gradient(const Variable& dy, const Variable& y, double alpha) {
  Tensor dx = map("elu_gradient", dy.value(), y.value(),
                  [alpha](auto g, auto v) { return v > 0 ? g : g * (v + static_cast<decltype(g)>(alpha)); });
  return record("elu_gradient", std::move(dx),
                {{dy, [y, alpha](const Variable& ddx) { return elu_gradient(ddx, y, alpha); }},
                 {y, [dy, y = y.value()](const Variable& ddx) {
                    return ddx * dy * map("elu_gradient", y, [](auto v) { return v > 0 ? 0 : 1; });
                  }}});
}

/// dx = dy (Phi(x) + x Phi'(x)); its derivative with respect to x is dy Phi'(x) (2 - x^2).
Variable gelu_gradient(const Variable& dy, const Variable& x) {
  Tensor dx = map("gelu_gradient", dy.value(), x.value(),
                  [](auto g, auto v) { return g * (normal_distribution(v) + v * normal_density(v)); });
  return record("gelu_gradient", std::move(dx),
                {{dy, [x](const Variable& ddx) { return gelu_gradient(ddx, x); }},
                 {x, [dy, x](const Variable& ddx) {
                    const Variable density = exp(square(x) * -0.5) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
                    return ddx * dy * density * (2 - square(x));
                  }}});
}

/// The maximum of n elements `step` apart, and the sum of e^(x - maximum). NaN when one of them is NaN.
struct ExponentialSum {
  double maximum, sum = 0;
  template <class T>
  ExponentialSum(const T* x, std::int64_t n, std::int64_t step) : maximum(static_cast<double>(x[0])) {
    for (std::int64_t i = 1; i < n; ++i) maximum = std::max(maximum, static_cast<double>(x[i * step]));
    for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(std::exp(x[i * step] - static_cast<T>(maximum)));
  }
};

/// f(x, total) for every element with the ExponentialSum of its line along the axis.
template <class F>
Tensor map_lines(std::string_view function, const Tensor& x, int axis, F f) {
  const AxisView view(x.shape(), checked_axis(function, x.shape(), axis));
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (view.extent == 0) return y;
  with_floating(function, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / view.extent);
    kernels::parallel_for(view.outer * view.inner, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t start = line / view.inner * view.extent * view.inner + line % view.inner;
        const ExponentialSum total(in + start, view.extent, view.inner);
        for (std::int64_t i = 0; i < view.extent; ++i) {
          out[start + i * view.inner] = static_cast<T>(f(in[start + i * view.inner], total));
        }
      }
    });
  });
  return y;
}

}  // namespace

Variable linear(const Variable& x) { return x; }

Variable relu(const Variable& x) {
  return recorded_relu(x, map("relu", x.value(), [](auto v) { return rectified(v); }));
}

Variable add_relu(const Variable& a, const Variable& b) {
  const Tensor y = map("add", a.value(), b.value(), [](auto u, auto v) { return rectified(u + v); });
  const Variable sum = record("add", y,
                              {{a, [shape = a.shape()](const Variable& dy) { return sum_to(dy, shape); }},
                               {b, [shape = b.shape()](const Variable& dy) { return sum_to(dy, shape); }}});
  return recorded_relu(sum, y);
}

Variable sigmoid(const Variable& x) {
  Tensor y = map("sigmoid", x.value(), [](auto v) { return 1 / (1 + std::exp(-v)); });
  return record("sigmoid", std::move(y), {{x, sigmoid_gradient}});
}

Variable tanh(const Variable& x) {
  Tensor y = map("tanh", x.value(), [](auto v) { return std::tanh(v); });
  return record("tanh", std::move(y), {{x, tanh_gradient}});
}

Variable softplus(const Variable& x) {
  Tensor y = map("softplus", x.value(),
                 [](auto v) { return (decltype(v){0} > v ? decltype(v){0} : v) + std::log1p(std::exp(-std::abs(v))); });
  return record("softplus", std::move(y), {{x, [x](const Variable& dy) { return multiply(dy, sigmoid(x)); }}});
}

Variable elu(const Variable& x, double alpha) {
  check(alpha >= 0, "elu: expected alpha >= 0, got {}", alpha);
  Tensor y =
      map("elu", x.value(), [alpha](auto v) { return v > 0 ? v : static_cast<decltype(v)>(alpha) * std::expm1(v); });
  return record("elu", std::move(y),
                {{x, [alpha](const Variable& dy, const Variable& out) { return elu_gradient(dy, out, alpha); }}});
}

Variable leaky_relu(const Variable& x, double slope) {
  check(slope >= 0, "leaky_relu: expected slope >= 0, got {}", slope);
  Tensor y = map("leaky_relu", x.value(), [slope](auto v) { return v > 0 ? v : static_cast<decltype(v)>(slope) * v; });
  return record(
      "leaky_relu", std::move(y),
      {{x, [slope](const Variable& dy, const Variable& out) { return relu_gradient(dy, out.value(), slope); }}});
}

Variable gelu(const Variable& x) {
  Tensor y = map("gelu", x.value(), [](auto v) { return v * normal_distribution(v); });
  return record("gelu", std::move(y), {{x, [x](const Variable& dy) { return gelu_gradient(dy, x); }}});
}

Variable softmax(const Variable& x, int axis) {
  Tensor y = map_lines("softmax", x.value(), axis, [](auto v, const ExponentialSum& total) {
    using T = decltype(v);
    return std::exp(v - static_cast<T>(total.maximum)) / static_cast<T>(total.sum);
  });
  return record("softmax", std::move(y), {{x, [axis](const Variable& dy, const Variable& out) {
                                             const Variable weighted = multiply(dy, out);
                                             return weighted - out * sum(weighted, {axis}, true);
                                           }}});
}

Variable log_softmax(const Variable& x, int axis) {
  Tensor y = map_lines("log_softmax", x.value(), axis, [](auto v, const ExponentialSum& total) {
    return static_cast<double>(v) - total.maximum - std::log(total.sum);
  });
  return record(
      "log_softmax", std::move(y),
      {{x, [axis](const Variable& dy, const Variable& out) { return dy - exp(out) * sum(dy, {axis}, true); }}});
}

}  // namespace xtape
