#include "framework/autograd/gradient_check.hpp"

#include "framework/ops/ops.hpp"
#include "framework/tensor/elementwise.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

Tensor scaled(const Tensor& x, double factor) {
  return map("scaled", x, [factor](auto v) { return v * factor; });
}

/// x^2 with a derivative that is `factor` times the right one.
auto square_wrong_by(double factor) {
  return [factor](const Variable& x) {
    return record("square", map("square", x.value(), [](auto v) { return v * v; }),
                  {{x, [x = x.value(), factor](const Tensor& dy) {
                      return map("square", dy, scaled(x, 2 * factor), [](auto d, auto v) { return d * v; });
                    }}});
  };
}

}  // namespace

TEST_CASE("the checker accepts right derivatives of one, two, three and many inputs") {
  CHECK(check_gradient(softplus, {{2, 3, 4}}));
  CHECK(check_gradient([](const Variable& a, const Variable& b) { return a * b; }, {{2, 3}, {3}}));
  CHECK(check_gradient([](const Variable& a, const Variable& b, const Variable& c) { return a * b + c; },
                       {{2, 2}, {2, 2}, {2}}));
  CHECK(check_gradient([](const std::vector<Variable>& x) { return concatenate(x, 0); },
                       {{1, 2}, {2, 2}, {3, 2}, {1, 2}}));
  CHECK(check_gradient(square_wrong_by(1), {{30, 40}}));  // too large for element by element
}

TEST_CASE("the checker rejects derivatives that are wrong by a little, by sign, or altogether") {
  for (const double factor : {1.001, 0.99, -1.0, 2.0, 0.5}) {
    CHECK_FALSE(check_gradient(square_wrong_by(factor), {{5}}));
    CHECK_FALSE(check_gradient(square_wrong_by(factor), {{30, 40}}));
  }
}

TEST_CASE("the checker rejects a derivative that is wrong for one element only") {
  const auto f = [](const Variable& x) {
    return record("copy", scaled(x.value(), 1), {{x, [](const Tensor& dy) {
                                                    Tensor dx = scaled(dy, 1);
                                                    dx.mutable_data<double>()[dx.size() - 1] *= 1.01;
                                                    return dx;
                                                  }}});
  };
  CHECK_FALSE(check_gradient(f, {{7}}));
  CHECK_FALSE(check_gradient(f, {{7, 300}}));
}

TEST_CASE("the checker rejects zero derivatives, constants and checks of nothing, unless told that they are right") {
  const auto zero = [](const Variable& x) {
    return record("zero", Tensor::ones(x.shape(), x.dtype()),
                  {{x, [](const Tensor& dy) { return Tensor::zeros(dy.shape(), dy.dtype()); }}});
  };
  CHECK_FALSE(check_gradient(zero, {{3}}));
  CHECK(check_gradient(zero, {{3}}, {.may_be_constant = true}));
  const auto untracked = [](const Variable& x) { return x.detached(); };
  CHECK_FALSE(check_gradient(untracked, {{3}}));
  CHECK_FALSE(check_gradient(softplus, {{0}}));
  CHECK_FALSE(check_gradient(softplus, {{0}}, {.may_be_constant = true}));
  // the sum of a softmax is constant, but a random cotangent sees its derivative
  CHECK(check_gradient([](const Variable& x) { return softmax(x); }, {{3, 4}}));
}

TEST_CASE("kinks are skipped and counted, and too many of them fail the check") {
  // within a step of the kink, but not within half of one
  const GradientReport near = check_gradient_at(relu, {{"x", Tensor::full({10}, 0.0007, DType::float64)}});
  CHECK_FALSE(near);
  CHECK(near.inputs[0].skipped == 10);
  CHECK_THAT(to_string(near), Catch::Contains("10 of 10 probes lie at kinks"));
  Tensor mixed = Tensor::full({20}, 0.5, DType::float64);
  mixed.mutable_data<double>()[3] = 0.0007;
  const GradientReport one = check_gradient_at(relu, {{"x", mixed}});
  CHECK(one);
  CHECK(one.inputs[0].skipped == 1);
  CHECK(one.inputs[0].checked == 19);
}

TEST_CASE("the report names the worst input, element and both values") {
  const GradientReport report =
      check_gradient([](const Variable& a, const Variable& b) { return a + square_wrong_by(3)(b); }, {{3}, {3}},
                     {.low = 1, .high = 2});
  CHECK_THAT(to_string(report), Catch::Contains("input 1: 3 of 3 derivatives are wrong, worst at element") &&
                                    Catch::Contains("analytic") && Catch::Contains("numeric") &&
                                    Catch::Contains("tolerance"));
  CHECK(report.inputs[0].wrong == 0);
}

TEST_CASE("the checker refuses what it cannot check") {
  CHECK_THAT(error_of([] { check_gradient_at(softplus, {{"x", Tensor::ones({2})}}); }), Catch::Contains("float64"));
  CHECK_THAT(error_of([] { check_gradient(softplus, {{2}, {2}}); }), Catch::Contains("1 input shapes"));
  CHECK_THAT(error_of([] { check_gradient(softplus, {{2}}, {.step = 0}); }), Catch::Contains("step"));
  CHECK_THAT(error_of([] { check_gradient(softplus, {{2}}, {.low = 1, .high = 1}); }), Catch::Contains("low < high"));
}
