// Ops that violate requirements other than correct values in one pass: state, accumulation, types, second order.

#include <cmath>
#include <memory>
#include <vector>

#include "framework/ops/ops.hpp"
#include "tests/gradcheck/mutations.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

Tensor doubled(const Tensor& x) {
  return map("doubled", x, [](auto v) { return v + v; });
}

/// x^2 with the derivative derivative(dy, x), computed in numbers.
template <class F>
DifferentiableFunction squared_with(F derivative) {
  return [derivative](V x) {
    return record("square", square(x.detached()).value(),
                  {{x, [derivative, x = x.value()](const Tensor& dy) { return derivative(dy, x); }}});
  };
}

Tensor right_square(const Tensor& dy, const Tensor& x) {
  return map("square", dy, x, [](auto g, auto v) { return 2 * g * v; });
}

std::string report_of(const DifferentiableFunction& f, const std::vector<Shape>& shapes,
                      const GradientCheckOptions& options = {}) {
  const GradientReport report = check_gradient(f, shapes, options);
  CHECK_FALSE(report);
  return to_string(report);
}

}  // namespace

TEST_CASE("mutations: a gradient that is overwritten instead of accumulated is rejected") {
  // x x with the derivative of one of the two factors only
  const auto half = squared_with(
      [](const Tensor& dy, const Tensor& x) { return map("square", dy, x, [](auto g, auto v) { return g * v; }); });
  CHECK_THAT(report_of(half, {{3}}), Catch::Contains("3 of 3 derivatives are wrong"));
  // concatenate({x, x}) with the gradient of the second x only
  const auto last = [](V x) {
    return record("concatenate", concatenate({x.detached(), x.detached()}, 0).value(), {{x, [](V dy) {
                                                                                           return dy[{{3, 6}}];
                                                                                         }}});
  };
  CHECK_FALSE(check_gradient(last, {{3}}));
}

TEST_CASE("mutations: what one call saves and another overwrites is rejected") {
  const auto shared = std::make_shared<Tensor>();
  const auto stale = [shared](V x) {
    if (x.tracked()) *shared = x.value();
    return record("square", square(x.detached()).value(),
                  {{x, [shared](const Tensor& dy) { return right_square(dy, *shared); }}});
  };
  CHECK_THAT(report_of(stale, {{3}}),
             Catch::Contains("problem: input 0: used twice in a pass, the function does not give twice the gradient"));
}

TEST_CASE("mutations: a derivative that adds to its earlier result is rejected") {
  const auto calls = std::make_shared<int>(0);
  const auto growing = squared_with([calls](const Tensor& dy, const Tensor& x) {
    const Tensor dx = right_square(dy, x);
    return ++*calls == 1 ? dx : doubled(dx);
  });
  CHECK_FALSE(check_gradient(growing, {{3}}));
}

TEST_CASE("mutations: an op that writes to its input or to dy is rejected") {
  const auto vandal = [](V x) {
    const auto* data = x.dtype() == DType::float64 ? x.value().data<double>() : nullptr;
    if (data) const_cast<double*>(data)[0] += 1e-9;
    return square(x);
  };
  CHECK_THAT(report_of(vandal, {{3}}), Catch::Contains("problem: input 0: the function writes to its input"));
  const auto greedy = squared_with([](const Tensor& dy, const Tensor& x) {
    const Tensor dx = right_square(dy, x);
    if (dy.dtype() == DType::float64) const_cast<double*>(dy.data<double>())[0] = 0;
    return dx;
  });
  CHECK_THAT(report_of(greedy, {{3}}), Catch::Contains("problem: the derivative writes to the cotangent"));
}

TEST_CASE("mutations: derivatives of a wrong shape or type are reported, not thrown") {
  const auto flat = squared_with([](const Tensor& dy, const Tensor& x) { return right_square(dy, x).reshaped({6}); });
  CHECK_THAT(report_of(flat, {{2, 3}}), Catch::Contains("the derivative fails: square: expected its derivative number 0"
                                                        " to have the shape and type of that input"));
  const auto narrow =
      squared_with([](const Tensor& dy, const Tensor& x) { return right_square(dy, x).to(DType::float32); });
  CHECK_THAT(report_of(narrow, {{3}}), Catch::Contains("the derivative fails"));
  const auto wide =
      squared_with([](const Tensor& dy, const Tensor& x) { return right_square(dy, x).to(DType::float64); });
  CHECK_THAT(report_of(wide, {{3}}),
             Catch::Contains("in float32: square: expected its derivative") &&
                 Catch::Contains(" (say .float32 = false if the function is for float64 only)"));
}

TEST_CASE("mutations: a derivative that is wrong in float32 alone is rejected") {
  const auto wrong = squared_with([](const Tensor& dy, const Tensor& x) {
    const double factor = x.dtype() == DType::float32 ? 1.001 : 1;
    return changed(right_square(dy, x), [=](double v, std::int64_t) { return factor * v; });
  });
  CHECK_THAT(report_of(wrong, {{3}}),
             Catch::Contains("problem: input 0: the gradient in float32 is off by 0.001 of its largest (a function "
                             "that draws random numbers needs .float32 = false)"));
  CHECK(check_gradient(wrong, {{3}}, {.float32 = false}));
}

TEST_CASE("mutations: a value that is wrong in float32 alone is rejected") {
  const auto wrong = [](V x) {
    const double factor = x.dtype() == DType::float32 ? 1.001 : 1;
    return record("square", changed(square(x.detached()).value(), [=](double v, std::int64_t) { return factor * v; }),
                  {{x, [x = x.value()](const Tensor& dy) { return right_square(dy, x); }}});
  };
  CHECK_THAT(
      report_of(wrong, {{3}}),
      Catch::Contains(
          "problem: the value in float32 is another (a function that draws random numbers needs .float32 = false)"));
  CHECK(check_gradient(wrong, {{3}}, {.float32 = false}));
}

TEST_CASE("mutations: a value that depends on whether derivatives are recorded is rejected") {
  const auto wrong = [](V x) {
    const double factor = x.tracked() ? 1 : 1 + 1e-9;
    return record("square", changed(square(x.detached()).value(), [=](double v, std::int64_t) { return factor * v; }),
                  {{x, [x = x.value()](const Tensor& dy) { return right_square(dy, x); }}});
  };
  CHECK_THAT(report_of(wrong, {{3}}), Catch::Contains("problem: the value is another when derivatives are recorded"));
  CHECK(check_gradient(wrong, {{3}}, {.deterministic = false}));
}

TEST_CASE("mutations: a joint derivative that depends on which inputs are tracked is rejected") {
  const auto product = [](V a, V b) {
    const bool both = a.tracked() && b.tracked();
    return record("multiply", (a.detached() * b.detached()).value(), {a, b},
                  [both, a = a.detached(), b = b.detached()](const Tensor& dy) {
                    const Variable g = dy;
                    return std::vector{(g * (both ? b : a)).value(), (g * (both ? a : b)).value()};
                  });
  };
  CHECK_THAT(report_of(product, {{3}, {3}}),
             Catch::Contains("problem: input 0: its gradient is another when the other inputs are constants"));
}

TEST_CASE("mutations: a derivative that is not a number in some of the ways of computing it is rejected") {
  // the first gradient is NaN in one element where the second input is a constant
  const auto product = [](V a, V b) {
    const bool both = a.tracked() && b.tracked();
    return record("multiply", (a.detached() * b.detached()).value(), {a, b},
                  [both, a = a.detached(), b = b.detached()](const Tensor& dy) {
                    std::vector<double> right = (Variable(dy) * b).value().to_vector();
                    if (!both) right[1] = std::nan("");
                    return std::vector{Tensor::of(dy.shape(), right, dy.dtype()), (Variable(dy) * a).value()};
                  });
  };
  CHECK_THAT(report_of(product, {{3}, {3}}),
             Catch::Contains("problem: input 0: its gradient is another when the other inputs are constants"));
}

TEST_CASE("mutations: an output that is tracked though its inputs are constants is rejected") {
  ForwardPass elsewhere(Mode::training);
  const Variable one = elsewhere.watch(Tensor::ones({3}, DType::float64));
  const auto tracked = [one](V x) { return x.tracked() ? x * x : x * x * one; };
  CHECK_THAT(report_of(tracked, {{3}}),
             Catch::Contains("problem: the output is tracked though all inputs are constants"));
}

TEST_CASE("mutations: a shortcut for one variable as both inputs that is wrong is rejected") {
  const auto product = [](V a, V b) {
    const bool same = a.value().shares_storage_with(b.value());
    const Variable y = a * b;
    return same ? y * 2.0 : y;
  };
  CHECK_THAT(
      report_of(product, {{3}, {3}}),
      Catch::Contains("problem: input 0 and input 1: one variable as both does not get the sum of their gradients"));
}

TEST_CASE("mutations: a wrong gradient, or a wrong value, of one variable as both inputs is rejected") {
  for (const bool of_value : {false, true}) {
    const auto product = [of_value](V a, V b) {
      const bool same = a.value().shares_storage_with(b.value());
      const Tensor y = (a.detached() * b.detached()).value();
      const Tensor value = same && of_value ? (Variable(y) * 1.5).value() : y;
      return record("multiply", value, {a, b}, [same, of_value, a = a.value(), b = b.value()](const Tensor& dy) {
        const Variable g = Variable(dy) * (same && !of_value ? 2.0 : 1.0);
        return std::vector{(g * Variable(b)).value(), (g * Variable(a)).value()};
      });
    };
    CHECK_THAT(report_of(product, {{3}, {3}}),
               Catch::Contains("input 0 and input 1: one variable as both does not get the sum of their gradients"));
  }
}

TEST_CASE("mutations: a random function is rejected unless it is declared") {
  const auto calls = std::make_shared<std::uint64_t>(0);
  const auto noisy = [calls](V x) {
    return x * 3.0 + Variable(RandomStream(1, ++*calls).normal(x.shape(), 0, 1e-15, DType::float64).to(x.dtype()));
  };
  CHECK_THAT(report_of(noisy, {{4}}), Catch::Contains("the function gives other bits when it is run again"));
  CHECK(check_gradient(noisy, {{4}}, {.deterministic = false}));
}

TEST_CASE("mutations: a random derivative is rejected unless it is declared") {
  const auto calls = std::make_shared<int>(0);
  const auto noisy = squared_with([calls](const Tensor& dy, const Tensor& x) {
    const double noise = 1e-15 * ++*calls;
    return changed(right_square(dy, x), [=](double v, std::int64_t) { return v * (1 + noise); });
  });
  CHECK_THAT(report_of(noisy, {{4}}), Catch::Contains("input 0: the derivative gives other bits when it is run again"));
  CHECK(check_gradient(noisy, {{4}}, {.deterministic = false}));
}

TEST_CASE("mutations: an output of another type than the inputs is rejected") {
  const auto wide = [](V x) {
    return record("wide", square(x.detached()).value().to(DType::float64),
                  {{x, [x = x.value()](const Tensor& dy) { return right_square(dy.to(x.dtype()), x); }}});
  };
  CHECK_THAT(report_of(wide, {{3}}), Catch::Contains("the output is float64 for float32 inputs"));
}

TEST_CASE("mutations: a derivative that is not linear in dy is rejected") {
  const auto clipped = squared_with([](const Tensor& dy, const Tensor& x) {
    return right_square(changed(dy, [](double v, std::int64_t) { return std::clamp(v, -1.0, 1.0); }), x);
  });
  CHECK_FALSE(check_gradient(clipped, {{30}}));
}

TEST_CASE("mutations: a wrong slope at a kink is rejected, one between both sides is accepted") {
  const auto relu_with = [](double at_zero) {
    return [at_zero](V x) {
      return record("relu", relu(x.detached()).value(),
                    {{x, [at_zero, x = x.value()](const Tensor& dy) {
                        return map("relu", dy, x, [=](auto g, auto v) {
                          using T = decltype(g);
                          return v > 0 ? g : v < 0 ? T{0} : static_cast<T>(at_zero) * g;
                        });
                      }}});
    };
  };
  Tensor x = Tensor::full({20}, 0.5, DType::float64);
  x.mutable_data<double>()[7] = 0;
  for (const double inside : {0.0, 0.5, 1.0}) {
    const GradientReport report = check_gradient_at(relu_with(inside), {{"x", x}});
    CHECK(report);
    CHECK(report.inputs[0].skipped == 1);
  }
  for (const double outside : {5.0, 1.2, 1.001, -0.001, -0.4, -3.0}) {
    INFO(outside);
    CHECK_FALSE(check_gradient_at(relu_with(outside), {{"x", x}}));
  }
}

TEST_CASE("mutations: a correct derivative with a wrong second derivative is rejected by order 2") {
  const auto forgetful = [](V x) {  // dx = 2 x dy with the number x, not the variable
    return record("square", square(x.detached()).value(),
                  {{x, [x = x.value()](V dy) { return dy * Variable(x) * 2.0; }}});
  };
  CHECK(check_gradient(forgetful, {{3}}));
  CHECK_THAT(report_of(forgetful, {{3}}, {.order = 2}), Catch::Contains("gradient: input 0: 3 of 3 derivatives"));
  const auto wrong = [](V x) {
    return record("exp", exp(x.detached()).value(),
                  {{x, [x](V dy) { return dy * exp(x * 1.0 + (x - x.detached())); }}});
  };
  CHECK(check_gradient(wrong, {{3}}));
  CHECK_FALSE(check_gradient(wrong, {{3}}, {.order = 2}));
  CHECK(check_gradient([](V x) { return exp(x); }, {{3}}, {.order = 2}));
}

}  // namespace xtape::test
