// Activation functions and their derivatives against their definitions in long double, relative to the value: near 0,
// far from it, and at infinity.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/smooth_activations.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

using Long = long double;

struct Case {
  std::string name;
  std::function<Variable(const Variable&)> function;
  std::function<Long(Long)> value, slope;
};

Long share(Long x) { return 1 / (1 + std::exp(-x)); }

/// x - tanh(x) by its series in long double, where the difference cancels.
Long difference_from_tanh(Long x) {
  if (std::abs(x) > 1e-2L) return x - std::tanh(x);
  const Long s = x * x;
  return x * s * (1 / 3.0L - s * (2 / 15.0L - s * (17 / 315.0L - s * (62 / 2835.0L - s * 1382 / 155925.0L))));
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"silu", silu, [](Long x) { return x * share(x); }, [](Long x) { return share(x) * (1 + x * share(-x)); }},
      {"mish", mish, [](Long x) { return x * std::tanh(std::log1p(std::exp(x))); },
       [](Long x) {
         const Long t = std::tanh(std::log1p(std::exp(x))), c = std::cosh(std::log1p(std::exp(x)));
         return t + x * share(x) / (c * c);
       }},
      {"gelu_tanh", gelu_tanh,
       [](Long x) { return x * share(2 * std::sqrt(2 / std::acos(-1.0L)) * (x + 0.044715L * x * x * x)); },
       [](Long x) {
         const Long k = 2 * std::sqrt(2 / std::acos(-1.0L)), u = k * (x + 0.044715L * x * x * x);
         return share(u) * (1 + x * k * (1 + 3 * 0.044715L * x * x) * share(-u));
       }},
      {"celu", [](const Variable& x) { return celu(x, 2); }, [](Long x) { return x > 0 ? x : 2 * std::expm1(x / 2); },
       [](Long x) { return x > 0 ? 1 : std::exp(x / 2); }},
      {"selu", selu, [](Long x) { return 1.0507009873554805L * (x > 0 ? x : 1.6732632423543773L * std::expm1(x)); },
       [](Long x) { return 1.0507009873554805L * (x > 0 ? 1 : 1.6732632423543773L * std::exp(x)); }},
      {"softsign", softsign, [](Long x) { return x / (1 + std::abs(x)); },
       [](Long x) { return 1 / ((1 + std::abs(x)) * (1 + std::abs(x))); }},
      {"squareplus", [](const Variable& x) { return squareplus(x); },
       [](Long x) { return x > 0 ? (x + std::sqrt(x * x + 4)) / 2 : 2 / (std::sqrt(x * x + 4) - x); },
       [](Long x) {
         const Long root = std::sqrt(x * x + 4);
         return x > 0 ? (1 + x / root) / 2 : 2 / (root - x) / root;
       }},
      {"exponential", exponential, [](Long x) { return std::exp(x); }, [](Long x) { return std::exp(x); }},
      {"log_sigmoid", log_sigmoid,
       [](Long x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); },
       [](Long x) { return share(-x); }},
      {"tanh_shrink", tanh_shrink, difference_from_tanh, [](Long x) { return std::tanh(x) * std::tanh(x); }},
      {"sparse_plus", sparse_plus, [](Long x) { return x <= -1  ? 0
                                                       : x >= 1 ? x
                                                                : (x + 1) * (x + 1) / 4; },
       [](Long x) { return x <= -1  ? 0
                           : x >= 1 ? 1
                                    : (x + 1) / 2; }},
      {"hard_silu", hard_silu, [](Long x) { return x <= -3  ? 0
                                                   : x >= 3 ? x
                                                            : x * (x + 3) / 6; },
       [](Long x) { return x <= -3  ? 0
                           : x >= 3 ? 1
                                    : (2 * x + 3) / 6; }},
  };
  return all;
}

std::vector<double> samples() {
  std::vector<double> all{0};
  for (double size = 1e-9; size < 2000; size *= 1.37) all.insert(all.end(), {size, -size});
  return all;
}

double slope_at(const Case& row, const Tensor& x) {
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(x);
  pass.backward(row.function(v), Tensor::ones(x.shape(), x.dtype()));
  return pass.gradient(v).item();
}

TEST_CASE("activations and their derivatives have all digits of the value wherever it is, in float32 and float64") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double epsilon = dtype == DType::float32 ? 6e-8 : 1.2e-16;
    const double smallest = dtype == DType::float32 ? 1e-37 : 1e-300;
    for (const Case& row : cases()) {
      for (const double at : samples()) {
        const Tensor x = Tensor::of({1}, {at}, dtype);
        const Long exact = x.item(), value = row.value(exact), slope = row.slope(exact);
        const Long most = dtype == DType::float32 ? std::numeric_limits<float>::max() : 1e300L;
        if (std::abs(value) > most) continue;  // of exponential
        INFO(row.name << " of " << at << " in " << to_string(dtype));
        // an exponent has three roundings before its exponential is computed
        const auto most_error = [&](Long y) {
          return (20 + 4 * std::abs(std::log(std::abs(y) + smallest))) * epsilon * std::abs(y) + smallest;
        };
        CHECK(std::abs(row.function(x).value().item() - value) <= most_error(value));
        // slopes have roots; beside them the error is relative to the terms, which are about 1
        const bool beside_root = std::abs(slope) < 1e-3L && std::abs(exact) < 3;
        CHECK(std::abs(slope_at(row, x) - slope) <= (beside_root ? 12 * epsilon : 5 * most_error(slope)));
      }
    }
  }
}

double second_derivative(const Case& row, double at) {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(test::f64({1}, {at}));
  const Tensor one = Tensor::ones({1}, DType::float64);
  const Variable slope = gradients(row.function(x), {x}, one)[0];
  if (!slope.tracked()) return 0;
  pass.backward(slope, one);
  return pass.gradient(x).item();
}

TEST_CASE("second derivatives of activations are those of their slopes, and finite wherever the slope is") {
  for (const Case& row : cases()) {
    for (const double size : {0.037, 0.41, 0.77, 1.9, 4.3, 17.0, 90.0, 354.0, 356.0, 705.0, 745.0, 1e4, 1e150}) {
      for (const double at : {size, -size}) {
        const Long step = 1e-6L * std::max(1.0, size);
        const Long before = row.slope(at - step), after = row.slope(at + step);
        if (!std::isfinite(before) || !std::isfinite(after) || std::abs(after) > 1e300L) continue;  // of exponential
        const auto expected = static_cast<double>((after - before) / (2 * step));
        INFO(row.name << " at " << at);
        CHECK(std::abs(second_derivative(row, at) - expected) <= 1e-7 * (1 + std::abs(expected)));
      }
    }
  }
}

TEST_CASE("activations have their limits at infinity, and NaN stays NaN") {
  const auto both = [](const auto& f) { return f(test::f64({2}, {-infinity, infinity})).value().to_vector(); };
  using Values = std::vector<double>;
  CHECK(both(silu) == Values{0, infinity});
  CHECK(both(mish) == Values{0, infinity});
  CHECK(both(gelu_tanh) == Values{0, infinity});
  CHECK(both(celu) == Values{-1, infinity});
  CHECK(both(selu)[1] == infinity);
  CHECK(both(softsign) == Values{-1, 1});
  CHECK(both(squareplus) == Values{0, infinity});
  CHECK(both(exponential) == Values{0, infinity});
  CHECK(both(log_sigmoid) == Values{-infinity, 0});
  CHECK(both(sparse_plus) == Values{0, infinity});
  CHECK(both(relu6) == Values{0, 6});
  CHECK(both(hard_sigmoid) == Values{0, 1});
  CHECK(both(hard_silu) == Values{0, infinity});
  CHECK(both(hard_tanh) == Values{-1, 1});
  CHECK(both(sparse_sigmoid) == Values{0, 1});
  const auto of_nan = [](const auto& f) { return f(test::f64({1}, {std::nan("")})).value().item(); };
  for (const Case& row : cases()) CHECK(std::isnan(of_nan(row.function)));
  for (const auto& f : std::vector<std::function<Variable(const Variable&)>>{
           relu6, hard_sigmoid, hard_tanh, [](const Variable& x) { return hard_shrink(x); },
           [](const Variable& x) { return soft_shrink(x); }, sparse_sigmoid,
           [](const Variable& x) { return sparsemax(x); }, [](const Variable& x) { return rectify(x, {}); }}) {
    CHECK(std::isnan(of_nan(f)));
  }
  for (const Case& row : cases()) {
    for (const double x : {-infinity, infinity}) CHECK_FALSE(std::isnan(slope_at(row, test::f64({1}, {x}))));
  }
}

TEST_CASE("sparsemax gives the nearest point of the simplex, also of one element and of large numbers") {
  CHECK(sparsemax(test::f64({1, 3}, {0.1, 0.2, 0.3})).value().at({0, 2}) == Approx(13.0 / 30));
  CHECK(sparsemax(test::f64({1, 3}, {1000, 0, 0})).value().to_vector() == std::vector<double>{1, 0, 0});
  CHECK(sparsemax(test::f64({2, 1}, {-5, 7})).value().to_vector() == std::vector<double>{1, 1});
  for (const double large : {1e17, 1e30, 1e300, infinity}) {
    CHECK(sparsemax(test::f64({1, 3}, {large, 0, 1})).value().to_vector() == std::vector<double>{1, 0, 0});
    CHECK(sparsemax(test::f64({1, 3}, {0, 1, -large})).value().to_vector() == std::vector<double>{0, 1, 0});
  }
  CHECK(sparsemax(test::f64({1, 3}, {1e17, 1e17, 0})).value().to_vector() == std::vector<double>{0.5, 0.5, 0});
  for (const auto& [a, b] : {std::pair(infinity, infinity), {-infinity, -infinity}, {std::nan(""), 0.0}}) {
    for (const double y : sparsemax(test::f64({1, 2}, {a, b})).value().to_vector()) CHECK(std::isnan(y));
  }
  // the conditions of the nearest point: positive entries are x - t with one t, for which no x of another exceeds t
  const Tensor x = RandomStream(3).normal({50, 6}, 0, 1, DType::float64), y = sparsemax(x).value();
  for (std::int64_t i = 0; i < 50; ++i) {
    double sum = 0, low = infinity, high = -infinity, most = -infinity;
    for (std::int64_t j = 0; j < 6; ++j) {
      const double t = x.at({i, j}) - y.at({i, j});
      sum += y.at({i, j});
      if (y.at({i, j}) > 0) low = std::min(low, t), high = std::max(high, t);
      if (y.at({i, j}) == 0) most = std::max(most, t);
    }
    CHECK(sum == Approx(1).epsilon(1e-14));
    CHECK(high - low < 1e-14);
    CHECK(most <= low + 1e-14);
  }
}

TEST_CASE("options of activation functions that are out of range are errors") {
  const Tensor x = test::f64({2}, {1, 2});
  CHECK(test::error_of([&] { celu(x, 0); }) == "celu: expected a finite alpha above 0, got 0");
  CHECK(test::error_of([&] { squareplus(x, -1); }) == "squareplus: expected a finite b above 0, got -1");
  CHECK(test::error_of([&] { hard_shrink(x, -1); }) == "hard_shrink: expected a threshold of at least 0, got -1");
  CHECK(test::error_of([&] { soft_shrink(x, -1); }) == "soft_shrink: expected a threshold of at least 0, got -1");
  CHECK(test::error_of([&] { rectify(x, {.max_value = -1}); }) ==
        "rectify: expected a max_value of at least 0, got -1");
  CHECK(test::error_of([&] { rectify(x, {.threshold = -1}); }) ==
        "rectify: expected a finite threshold of at least 0, got -1");
  CHECK(test::error_of([&] {
          prelu(x, test::f64({2, 1}, {1, 2}));
        }) == "prelu: expected an alpha that broadcasts to x (2,), got (2, 1)");
}

}  // namespace
}  // namespace xtape
