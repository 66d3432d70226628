#include "framework/ops/piecewise_activations.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/axes.hpp"
#include "framework/ops/elementwise_function.hpp"

namespace xtape {
namespace {

/// x limited to [low, high]; NaN stays NaN.
template <class T>
T limited(T x, double low, double high) {
  return x < static_cast<T>(low) ? static_cast<T>(low) : x > static_cast<T>(high) ? static_cast<T>(high) : x;
}

/// 1 strictly between low and high, else 0.
template <class T>
T inside(T x, double low, double high) {
  return x > static_cast<T>(low) && x < static_cast<T>(high) ? T{1} : T{0};
}

void check_threshold(std::string_view function, double threshold) {
  check(threshold >= 0, "{}: expected a threshold of at least 0, got {}", function, threshold);
}

/// dx = dy - its mean over the elements where y > 0, 0 elsewhere. Linear in dy and symmetric, so its own transpose.
Variable sparsemax_gradient(const Variable& dy, const Tensor& y, int axis) {
  constexpr std::string_view name = "sparsemax_gradient";
  Tensor dx = Tensor::empty(y.shape(), y.dtype());
  with_floating(name, y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *given = dy.value().data<T>(), *shares = y.data<T>();
    T* const out = dx.mutable_data<T>();
    const AxisView view(y.shape(), axis);
    for_each_line(view, [&](std::int64_t, std::int64_t start) {
      const std::int64_t end = start + view.extent * view.inner;
      double sum = 0, count = 0;
      for (std::int64_t i = start; i < end; i += view.inner) {
        if (shares[i] > 0) sum += static_cast<double>(given[i]), ++count;
      }
      for (std::int64_t i = start; i < end; i += view.inner) {
        out[i] = shares[i] > 0 ? static_cast<T>(static_cast<double>(given[i]) - sum / count) : T{0};
      }
    });
  });
  return record(name, std::move(dx),
                {{dy, [y, axis](const Variable& ddx) { return sparsemax_gradient(ddx, y, axis); }}});
}

/// The t for which the sum of max(x - t, 0) is 1, for x of at most 0, of which the largest is 0.
double simplex_offset(std::vector<double>& x) {
  std::ranges::sort(x, std::greater());
  double sum = 0, offset = -1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i];
    const double candidate = (sum - 1) / static_cast<double>(i + 1);
    if (!(x[i] > candidate)) break;
    offset = candidate;
  }
  return offset;
}

}  // namespace

ElementFunction Relu6Function::of_element() const {
  return element_function([](auto v) { return limited(v, 0, 6); }, [](auto v) { return inside(v, 0, 6); });
}

Variable Relu6Function::operator()(const Variable& x) const { return record_elementwise("relu6", x, of_element()); }

ElementFunction HardSigmoidFunction::of_element() const {
  return element_function([](auto v) { return limited(v + 3, 0, 6) / 6; }, [](auto v) { return inside(v, -3, 3) / 6; });
}

Variable HardSigmoidFunction::operator()(const Variable& x) const {
  return record_elementwise("hard_sigmoid", x, of_element());
}

ElementFunction HardSiluFunction::of_element() const {
  return element_function([](auto v) { return v <= -3 ? decltype(v){0} : v * (limited(v + 3, 0, 6) / 6); },
                          [](auto v) {
                            using T = decltype(v);
                            return v <= -3 ? T{0} : v >= 3 ? T{1} : v / 3 + T{0.5};
                          });
}

Variable HardSiluFunction::operator()(const Variable& x) const {
  return record_elementwise("hard_silu", x, of_element(), [](auto v) { return inside(v, -3, 3) / 3; });
}

ElementFunction HardTanhFunction::of_element() const {
  return element_function([](auto v) { return limited(v, -1, 1); }, [](auto v) { return inside(v, -1, 1); });
}

Variable HardTanhFunction::operator()(const Variable& x) const {
  return record_elementwise("hard_tanh", x, of_element());
}

ElementFunction HardShrinkFunction::of_element(double threshold) const {
  check_threshold("hard_shrink", threshold);
  return element_function(
      [threshold](auto v) { return std::abs(v) <= static_cast<decltype(v)>(threshold) ? decltype(v){0} : v; },
      [threshold](auto v) {
        return std::abs(v) <= static_cast<decltype(v)>(threshold) ? decltype(v){0} : decltype(v){1};
      });
}

Variable HardShrinkFunction::operator()(const Variable& x, double threshold) const {
  return record_elementwise("hard_shrink", x, of_element(threshold));
}

ElementFunction SoftShrinkFunction::of_element(double threshold) const {
  check_threshold("soft_shrink", threshold);
  return element_function(
      [threshold](auto v) {
        using T = decltype(v);
        const auto t = static_cast<T>(threshold);
        return v > t ? v - t : v < -t ? v + t : v - v;  // v - v: NaN stays NaN
      },
      [threshold](auto v) {
        return std::abs(v) <= static_cast<decltype(v)>(threshold) ? decltype(v){0} : decltype(v){1};
      });
}

Variable SoftShrinkFunction::operator()(const Variable& x, double threshold) const {
  return record_elementwise("soft_shrink", x, of_element(threshold));
}

ElementFunction SparseSigmoidFunction::of_element() const {
  return element_function([](auto v) { return limited((v + 1) / 2, 0, 1); },
                          [](auto v) { return inside(v, -1, 1) / 2; });
}

Variable SparseSigmoidFunction::operator()(const Variable& x) const {
  return record_elementwise("sparse_sigmoid", x, of_element());
}

Variable SparsemaxFunction::operator()(const Variable& x, int axis) const {
  const int along = checked_axis("sparsemax", x.shape(), axis);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  with_floating("sparsemax", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x.value().data<T>();
    T* const out = y.mutable_data<T>();
    const AxisView view(x.shape(), along);
    for_each_line(view, [&](std::int64_t, std::int64_t start) {
      const std::int64_t end = start + view.extent * view.inner;
      std::vector<double> line;
      double largest = -std::numeric_limits<double>::infinity();
      for (std::int64_t i = start; i < end; i += view.inner) {
        const auto v = static_cast<double>(in[i]);
        line.push_back(v);
        if (!(v <= largest)) largest = v;
      }
      // no limit with NaN, several positive infinities, or negative ones alone
      const bool known = std::ranges::none_of(line, [](double v) { return std::isnan(v); }) &&
                         (std::isfinite(largest) || (largest > 0 && std::ranges::count(line, largest) == 1));
      const auto below = [largest](double v) { return v == largest ? 0 : v - largest; };  // 1 is no part of 1e20
      std::ranges::transform(line, line.begin(), below);
      const double offset = known ? simplex_offset(line) : std::numeric_limits<double>::quiet_NaN();
      for (std::int64_t i = start; i < end; i += view.inner) {
        const double rest = below(static_cast<double>(in[i])) - offset;
        out[i] = static_cast<T>(rest < 0 ? 0 : rest);
      }
    });
  });
  return record(
      "sparsemax", std::move(y),
      {{x, [along](const Variable& dy, const Variable& out) { return sparsemax_gradient(dy, out.value(), along); }}});
}

ElementFunction rectify_of_element(const RectifyOptions& options) {
  const double most = options.max_value.value_or(std::numeric_limits<double>::infinity());
  check(most >= 0, "rectify: expected a max_value of at least 0, got {}", most);
  check(options.negative_slope >= 0 && std::isfinite(options.negative_slope),
        "rectify: expected a finite negative_slope of at least 0, got {}", options.negative_slope);
  check(options.threshold >= 0 && std::isfinite(options.threshold),
        "rectify: expected a finite threshold of at least 0, got {}", options.threshold);
  return element_function(
      [most, o = options](auto v) {
        using T = decltype(v);
        const auto below = static_cast<T>(o.negative_slope), from = static_cast<T>(o.threshold);
        if (v > from) return v < static_cast<T>(most) ? v : static_cast<T>(most);
        return below == 0 ? (v != v ? v : T{0}) : below * (v - from);
      },
      [most, o = options](auto v) {
        using T = decltype(v);
        if (v > static_cast<T>(o.threshold)) return v < static_cast<T>(most) ? T{1} : T{0};
        return static_cast<T>(o.negative_slope);
      });
}

Variable rectify(const Variable& x, const RectifyOptions& options) {
  return record_elementwise("rectify", x, rectify_of_element(options));
}

Variable prelu(const Variable& x, const Variable& alpha) {
  const BroadcastPlan plan("prelu", x.shape(), alpha.shape());
  check(plan.output() == x.shape(), "prelu: expected an alpha that broadcasts to x {}, got {}", x.shape(),
        alpha.shape());
  Tensor y = map("prelu", x.value(), alpha.value(), [](auto v, auto a) { return v > 0 ? v : a * v; });
  const Tensor right = map("prelu", x.value(), [](auto v) { return v > 0 ? 1 : 0; });
  return record("prelu", std::move(y),
                {{x, [right, alpha](const Variable& dy) { return dy * right + dy * (1 - Variable(right)) * alpha; }},
                 {alpha, [x, right, shape = alpha.shape()](const Variable& dy) {
                    return sum_to(dy * (1 - Variable(right)) * x, shape);
                  }}});
}

}  // namespace xtape
