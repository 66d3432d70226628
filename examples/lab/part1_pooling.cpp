#include "examples/lab/part1_pooling.hpp"

#include <algorithm>
#include <functional>

#include "examples/lab/numpy_random.hpp"
#include "framework/ops/ops.hpp"

namespace xtape::lab {
namespace {

using Pooling = std::function<Variable(const Variable& x)>;
using Derivative = std::function<Tensor(const Tensor& x, const Tensor& dy)>;

/// The window of pool_backward: 2 x 2, stride 1.
constexpr std::int64_t f = 2;
Variable max_pool(const Variable& x) { return max_pool2d(x, {.size = f}); }
Variable average_pool(const Variable& x) { return average_pool2d(x, {.size = f}); }

struct BackwardInputs {
  Tensor a_prev, da;
};
BackwardInputs backward_inputs() {
  NumpyRandom random(1);
  const Tensor a_prev = random.randn({5, 5, 3, 2});
  return {a_prev, random.randn({5, 4, 2, 2})};
}

/// dx of a pooling for a given dy, computed by the tape.
Tensor gradient(const Pooling& pool, const Tensor& x, const Tensor& dy) {
  ForwardPass pass(Mode::training);
  const Variable input = pass.watch(x);
  pass.backward(pool(input), dy);
  return pass.gradient(input);
}

/// The same by central differences of sum(dy pool(x)), element by element of x.
Tensor numeric_gradient(const Pooling& pool, const Tensor& x, const Tensor& dy) {
  constexpr double step = 1e-4;
  const auto loss = [&](std::int64_t element, double change) {
    Tensor moved = x;
    moved.mutable_data<double>()[element] += change;
    return sum(pool(moved) * dy).value().item();
  };
  Tensor dx = Tensor::empty(x.shape(), DType::float64);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    dx.mutable_data<double>()[i] = (loss(i, step) - loss(i, -step)) / (2 * step);
  }
  return dx;
}

/// The loop of pool_backward in the report: every output (n, h, w, c) adds share(n, h, w, c, a, b) to element (a, b) of
/// its window of dx.
template <class Share>
Tensor over_windows(const Tensor& x, const Tensor& dy, Share share) {
  Tensor dx = Tensor::zeros(x.shape(), DType::float64);
  const auto strides = contiguous_strides(x.shape());
  double* out = dx.mutable_data<double>();
  for (std::int64_t n = 0; n < dy.dim(0); ++n)
    for (std::int64_t h = 0; h < dy.dim(1); ++h)
      for (std::int64_t w = 0; w < dy.dim(2); ++w)
        for (std::int64_t c = 0; c < dy.dim(3); ++c)
          for (std::int64_t a = 0; a < f; ++a)
            for (std::int64_t b = 0; b < f; ++b)
              out[n * strides[0] + (h + a) * strides[1] + (w + b) * strides[2] + c] += share(n, h, w, c, a, b);
  return dx;
}

/// The wrong formula of the report: mask * dA[n, h:h+f, w:w+f, c]. At the border of dA the slice is one row or column,
/// which NumPy broadcasts over the mask.
Tensor max_gradient_of_the_report(const Tensor& x, const Tensor& dy) {
  return over_windows(x, dy, [&](auto n, auto h, auto w, auto c, auto a, auto b) {
    double largest = x.at({n, h, w, c});
    for (std::int64_t k = 1; k < f * f; ++k) largest = std::max(largest, x.at({n, h + k / f, w + k % f, c}));
    if (x.at({n, h + a, w + b, c}) != largest) return 0.0;
    return dy.at({n, std::min(h + a, dy.dim(1) - 1), std::min(w + b, dy.dim(2) - 1), c});
  });
}

/// The wrong formula of the report: m + m / 4 everywhere in the window, with m = mean(dA[n, h:h+f, w:w+f, c]).
Tensor average_gradient_of_the_report(const Tensor& x, const Tensor& dy) {
  return over_windows(x, dy, [&](auto n, auto h, auto w, auto c, auto, auto) {
    const std::int64_t rows = std::min(f, dy.dim(1) - h);
    const std::int64_t columns = std::min(f, dy.dim(2) - w);
    double total = 0;
    for (std::int64_t k = 0; k < rows * columns; ++k) total += dy.at({n, h + k / columns, w + k % columns, c});
    return 1.25 * total / static_cast<double>(rows * columns);
  });
}

/// The value of one function with the derivative of another, as an op for the checker.
DifferentiableFunction with_derivative(const Pooling& pool, const Derivative& derivative) {
  return [pool, derivative](const Variable& x) {
    return record("pooling of the report", pool(x.detached()).value(),
                  {{x, [derivative, x = x.value()](const Tensor& dy) { return derivative(x, dy); }}});
  };
}

PoolingMistake examine(PoolingMistake mistake, const Pooling& pool, const Derivative& wrong) {
  const auto [a_prev, da] = backward_inputs();
  mistake.formula = elements(wrong(a_prev, da), {1, 1});
  mistake.ours = elements(gradient(pool, a_prev, da), {1, 1});
  mistake.numeric = elements(numeric_gradient(pool, a_prev, da), {1, 1});
  mistake.formula_checked = check_gradient_at(with_derivative(pool, wrong), {{"A_prev", a_prev}});
  mistake.ours_checked = check_gradient_at(pool, {{"A_prev", a_prev}});
  return mistake;
}

std::vector<Figure> pool_forward() {
  const Tensor a_prev = NumpyRandom(1).randn({2, 4, 4, 3});
  const WindowOptions window{.size = 3, .strides = 2};
  return {{"pool_forward",
           "A, max",
           {1.74481176, 0.86540763, 1.13376944, 1.13162939, 1.51981682, 2.18557541},
           elements(max_pool2d(a_prev, window).value())},
          {"pool_forward",
           "A, average",
           {0.02105773, -0.20328806, -0.40389855, -0.22154621, 0.51716526, 0.48155844},
           elements(average_pool2d(a_prev, window).value())}};
}

/// The two helper functions of the report are the derivatives of pooling one window, with dy = 1 and with dy = 2.
std::vector<Figure> helpers() {
  const Tensor x = NumpyRandom(1).randn({2, 3}).reshaped({1, 2, 3, 1});
  const auto whole = [](const Variable& image) { return max_pool2d(image, {.size = {2, 3}}); };
  const Tensor one = Tensor::ones({1, 1, 1, 1}, DType::float64);
  const Tensor two = Tensor::full({1, 1, 1, 1}, 2, DType::float64);
  const Tensor square = Tensor::zeros({1, 2, 2, 1}, DType::float64);
  return {{"create_mask_from_window",
           "mask (1: True, 0: False)",
           {1, 0, 0, 0, 0, 0},
           elements(gradient(whole, x, one)),
           Printed::integer},
          {"distribute_value",
           "2 over a 2 x 2 window",
           {0.5, 0.5, 0.5, 0.5},
           elements(gradient(average_pool, square, two))}};
}

}  // namespace

std::vector<Figure> PoolingMistake::figures() const {
  const std::string step = "pool_backward, " + mode;
  return {{step, "dA_prev[1,1]", report, ours, Printed::decimals8, Claim::wrong},
          {step, "by the report's formula", report, formula},
          {step, "the true derivative", truth, ours},
          {step, "by central differences", truth, numeric}};
}

std::vector<PoolingMistake> pooling_mistakes() {
  PoolingMistake max{.mode = "max",
                     .explanation =
                         "the mask of the window is multiplied by the window dA[i, h:h+f, w:w+f, c] (broadcast at the "
                         "borders), where the number dA[i, h, w, c] belongs",
                     .report = {0, 0, 10.11330283, -0.49726956, 0, 0},
                     .truth = {0, 0, 5.05844394, -1.68282702, 0, 0}};
  PoolingMistake average{
      .mode = "average",
      .explanation =
          "to every element of the window 1.25 times the mean of dA[i, h:h+f, w:w+f, c] is added (the mean "
          "and a quarter of it), where dA[i, h, w, c] / f^2 belongs",
      .report = {2.59843096, -0.27835778, 7.96018612, -1.95394424, 5.36175516, -1.67558646},
      .truth = {0.08485462, 0.2787552, 1.26461098, -0.25749373, 1.17975636, -0.53624893}};
  return {examine(std::move(max), max_pool, max_gradient_of_the_report),
          examine(std::move(average), average_pool, average_gradient_of_the_report)};
}

std::vector<Figure> pooling_figures() {
  std::vector<Figure> figures = pool_forward();
  append(figures, helpers());
  figures.push_back({"pool_backward",
                     "mean(dA)",
                     {0.14571390272918056},
                     {mean(backward_inputs().da).value().item()},
                     Printed::digits16});
  return figures;
}

std::string to_string(const PoolingMistake& mistake) {
  std::string text = fmt::format("{:<16}{:>16}{:>16}{:>16}{:>16}\n", "  dA_prev[1,1]", "the report", "its formula",
                                 "xtape", "differences");
  for (std::size_t i = 0; i < mistake.report.size(); ++i) {
    text += fmt::format("{:<16}{:>16.8f}{:>16.8f}{:>16.8f}{:>16.8f}\n", fmt::format("  [{},{}]", i / 2, i % 2),
                        mistake.report[i], mistake.formula[i], mistake.ours[i], mistake.numeric[i]);
  }
  const auto checked = [](const GradientReport& report) {
    return report.passed() ? "accepted" : fmt::format("rejected: {}", fmt::join(report.problems, "; "));
  };
  return fmt::format("The report's derivative of {} pooling is wrong.\n", mistake.mode) +
         wrapped("In its program " + mistake.explanation + ".", 120, 2) + text +
         wrapped("check_gradient on the report's derivative: " + checked(mistake.formula_checked), 120, 2) +
         wrapped("check_gradient on xtape's: " + checked(mistake.ours_checked), 120, 2);
}

}  // namespace xtape::lab
