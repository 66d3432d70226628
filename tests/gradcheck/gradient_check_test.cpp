#include "gradcheck/gradient_check.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <set>
#include <tuple>

#include "framework/ops/ops.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "gradcheck/gradient_probe.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

Tensor scaled(const Tensor& x, double factor) {
  return map("scaled", x, [factor](auto v) { return v * factor; });
}

/// x^2 with `factor` times its derivative.
auto square_wrong_by(double factor) {
  return [factor](const Variable& x) {
    return record("square", map("square", x.value(), [](auto v) { return v * v; }),
                  {{x, [x = x.value(), factor](const Tensor& dy) {
                      return map("square", dy, scaled(x, 2 * factor), [](auto d, auto v) { return d * v; });
                    }}});
  };
}

}  // namespace

TEST_CASE("the worst probe is the one with the largest difference in units of its tolerance") {
  const auto probe = [](double difference, double tolerance, Outcome outcome = Outcome::right) {
    return Comparison{.analytic = 1 + difference, .numeric = 1, .tolerance = tolerance, .outcome = outcome};
  };
  Tally tally("x", 4);
  tally.add("far", {probe(0x1p-10, 0x1p-7)});
  tally.add("near", {probe(0x1p-21, 0x1p-20)});
  tally.add("kink", {probe(1, 0x1p-30, Outcome::kink)});
  std::vector<std::string> problems;
  CHECK(tally.report({}, problems).worst == "near");
  tally.add("wrong", {probe(0x1p-10, 0x1p-12, Outcome::wrong)});  // worse than all that are right
  tally.add("less", {probe(0x1p-19, 0x1p-20, Outcome::wrong)});
  const InputReport report = tally.report({}, problems);
  CHECK((report.worst == "wrong" && report.checked == 4 && report.skipped == 1 && report.wrong == 2));
  CHECK((report.analytic == 1 + 0x1p-10 && report.numeric == 1 && report.tolerance == 0x1p-12));
}

TEST_CASE("the checker accepts correct derivatives of one, two, three and many inputs") {
  CHECK(check_gradient(softplus, {{2, 3, 4}}));
  CHECK(check_gradient([](const Variable& a, const Variable& b) { return a * b; }, {{2, 3}, {3}}));
  CHECK(check_gradient([](const Variable& a, const Variable& b, const Variable& c) { return a * b + c; },
                       {{2, 2}, {2, 2}, {2}}));
  CHECK(check_gradient([](const std::vector<Variable>& x) { return concatenate(x, 0); },
                       {{1, 2}, {2, 2}, {3, 2}, {1, 2}}));
  CHECK(check_gradient(square_wrong_by(1), {{30, 40}}));  // too many elements to check each
}

TEST_CASE("the checker has the steps, tolerances and numbers of docs/testing.md") {
  const GradientCheckOptions o;
  CHECK(std::tuple(o.step, o.absolute_tolerance, o.relative_tolerance, o.full_up_to, o.directions, o.sampled_elements,
                   o.skipped_share, o.order) == std::tuple(1e-4, 1e-11, 1e-8, 200, 8, 32, 0.1, 1));
  CHECK(std::tuple(o.bilinear, o.may_be_constant, o.float32, o.deterministic) == std::tuple(false, false, true, true));
}

TEST_CASE("verdicts have names, in capital letters if the check fails") {
  const std::vector<std::pair<Verdict, std::string>> names{
      {Verdict::right, "right"}, {Verdict::constant, "constant"}, {Verdict::rounding, "ROUNDING"},
      {Verdict::kinks, "KINKS"}, {Verdict::zero, "ZERO"},         {Verdict::unchecked, "UNCHECKED"},
      {Verdict::wrong, "WRONG"}};
  for (const auto& [verdict, name] : names) CHECK(to_string(verdict) == name);
}

TEST_CASE("the checker rejects derivatives that are slightly wrong, of wrong sign, or completely wrong") {
  for (const double factor : {1.001, 0.99, -1.0, 2.0, 0.5}) {
    CHECK_FALSE(check_gradient(square_wrong_by(factor), {{5}}));
    CHECK_FALSE(check_gradient(square_wrong_by(factor), {{30, 40}}));
  }
}

TEST_CASE("the checker rejects a derivative that is wrong for one element only") {
  const auto f = [](const Variable& x) {
    return record("copy", scaled(x.value(), 1), {{x, [](const Tensor& dy) {
                                                    Tensor dx = scaled(dy, 1);
                                                    if (dx.dtype() == DType::float32) return dx;
                                                    dx.mutable_data<double>()[dx.size() - 1] *= 1.01;
                                                    return dx;
                                                  }}});
  };
  CHECK_FALSE(check_gradient(f, {{7}}));
  CHECK_FALSE(check_gradient(f, {{7, 300}}));
}

TEST_CASE("the worst derivative of a report is the one that is not a number") {
  const Tensor x = Tensor::of({3}, {1, 2, 3}, DType::float64);
  for (const std::int64_t output : {0, 1, 2}) {  // its gradient is NaN, and those of the others are wrong
    const auto f = [output](const Variable& x) {
      return record("copy", scaled(x.value(), 1), {{x, [output](const Tensor& dy) {
                                                      const bool asked =
                                                          dy.to_vector()[static_cast<std::size_t>(output)] != 0;
                                                      return scaled(dy, asked ? std::nan("") : 1.5);
                                                    }}});
    };
    const GradientReport report = check_gradient_at(f, {{"x", x}});
    CHECK(report.inputs[0].wrong >= 3);
    CHECK(std::isnan(report.inputs[0].analytic));
  }
}

TEST_CASE("the checker rejects zero derivatives, constants and empty checks unless they are declared") {
  const auto zero = [](const Variable& x) {
    return record("zero", Tensor::ones(x.shape(), x.dtype()),
                  {{x, [](const Tensor& dy) { return Tensor::zeros(dy.shape(), dy.dtype()); }}});
  };
  CHECK_THAT(to_string(check_gradient(zero, {{3}})),
             Catch::Contains("the derivative is zero wherever it was probed; if that is right, say .constant_inputs = "
                             "{\"input 0\"} or .may_be_constant = true"));
  CHECK(check_gradient(zero, {{3}}, {.may_be_constant = true}));
  CHECK(check_gradient(zero, {{3}}, {.may_be_constant = true}).inputs[0].verdict == Verdict::constant);
  const auto first = [](const Variable& a, const Variable& b) { return a + b.detached() * 0.0; };
  CHECK_FALSE(check_gradient(first, {{3}, {3}}));
  CHECK_FALSE(check_gradient(first, {{3}, {3}}, {.constant_inputs = {"input 0"}}));
  CHECK(check_gradient(first, {{3}, {3}}, {.constant_inputs = {"input 1"}}));
  const auto untracked = [](const Variable& x) { return x.detached(); };
  CHECK_FALSE(check_gradient(untracked, {{3}}));
  CHECK_FALSE(check_gradient(untracked, {{3}}, {.may_be_constant = true}));
  CHECK_FALSE(check_gradient(softplus, {{0}}));
  CHECK_FALSE(check_gradient(softplus, {{0}}, {.may_be_constant = true}));
  const auto of_nothing = [](const std::vector<Variable>&) { return Variable(Tensor::ones({1}, DType::float64)); };
  CHECK(error_of([&] { static_cast<void>(check_gradient(of_nothing, {})); }) ==
        "check_gradient: expected the shape of at least one input, got none");
  CHECK_THAT(to_string(check_gradient_at(of_nothing, {})), Catch::Contains("problem: nothing was checked"));
  // the sum of a softmax is constant, but a random cotangent shows its derivative
  CHECK(check_gradient([](const Variable& x) { return softmax(x); }, {{3, 4}}));
  CHECK_FALSE(check_gradient([](const Variable& x) { return sum(softmax(x)); }, {{3, 4}}));
}

TEST_CASE("kinks are skipped and counted, and too many of them fail the check") {
  // at the kink, within half a step of it, and within a step
  for (const double distance : {0.0, 2e-5, 3.4e-5, 4e-5, 7e-5}) {
    INFO(distance);
    const GradientReport near = check_gradient_at(relu, {{"x", Tensor::full({10}, distance, DType::float64)}});
    CHECK_FALSE(near);
    CHECK(near.inputs[0].skipped == 10);
    CHECK(near.inputs[0].verdict == Verdict::kinks);
    CHECK_THAT(to_string(near),
               Catch::Contains("10 of 10 probes lie at kinks; choose inputs away from them (low, high, seed)"));
    Tensor mixed = Tensor::full({20}, 0.5, DType::float64);
    mixed.mutable_data<double>()[3] = distance;
    const GradientReport one = check_gradient_at(relu, {{"x", mixed}});
    CHECK(one);
    CHECK(one.inputs[0].skipped == 1);
    CHECK(one.inputs[0].checked == 19);
  }
  // |x| at 0: central differences and the derivative are both 0, which proves nothing
  CHECK_FALSE(check_gradient_at(abs, {{"x", Tensor::zeros({4}, DType::float64)}}));
  CHECK_FALSE(
      check_gradient_at(maximum, {{"x", Tensor::ones({4}, DType::float64)}, {"y", Tensor::ones({4}, DType::float64)}}));
}

TEST_CASE("the checker reports if rounding hides the derivative") {
  const auto far = [](const Variable& x) { return x + 1e9; };
  const GradientReport report = check_gradient(far, {{3}}, {.float32 = false});
  CHECK_FALSE(report);
  CHECK(report.inputs[0].verdict == Verdict::rounding);
  CHECK_THAT(
      to_string(report),
      Catch::Contains(
          "rounding hides more than 0.1 % of the derivative; bring the output nearer to 1, or choose a larger step"));
  CHECK_THAT(to_string(check_gradient([](const Variable& x) { return log(x); }, {{3}}, {.low = -2, .high = -1})),
             Catch::Contains("the output is not finite; choose inputs inside the domain (low, high)"));
}

TEST_CASE("an error that a larger derivative hides is found element by element and output by output") {
  // y = (c (x0 + x1 + ...), x0); the derivative of the second output is doubled, which is invisible in a sum with the
  // first output
  constexpr double c = 1e9;
  const auto hidden = [](const Variable& x) {
    const std::vector<double> v = x.value().to_vector();
    return record("hidden", Tensor::of({2}, {c * std::accumulate(v.begin(), v.end(), 0.0), v[0]}, DType::float64),
                  {{x, [size = x.size()](const Tensor& dy) {
                      const double* d = dy.data<double>();
                      Tensor dx = Tensor::full({size}, c * d[0], DType::float64);
                      dx.mutable_data<double>()[0] += 2 * d[1];
                      return dx;
                    }}});
  };
  for (const std::int64_t size : {2, 250}) {
    INFO(size);
    CHECK_FALSE(check_gradient(hidden, {{size}}, {.full_up_to = size, .float32 = false}));
  }
}

TEST_CASE("another seed takes other directions of a large input") {
  const auto points = [](std::uint64_t seed) {
    std::set<std::vector<double>> seen;
    const auto observed = [&](const Variable& x) {
      if (x.dtype() == DType::float64) seen.insert(x.value().to_vector());
      return x * 2.0;
    };
    const Tensor value = RandomStream(1).uniform({30}, -1, 1, DType::float64);
    CHECK(check_gradient_at(observed, {{"x", value}},
                            {.seed = seed, .full_up_to = 10, .directions = 2, .sampled_elements = 2}));
    return seen;
  };
  const auto first = points(1), second = points(2);
  CHECK(points(1) == first);
  std::set<std::vector<double>> both;
  std::ranges::set_intersection(first, second, std::inserter(both, both.begin()));
  CHECK(both.size() + 8 <= first.size());  // the directions are others: at least two, with four points each
}

TEST_CASE("the requested number of elements is sampled from all of a large input") {
  const std::size_t n = 1000;
  std::vector<double> base;
  std::set<std::size_t> alone;  // elements that were changed while all others were unchanged
  const auto observed = [&](const Variable& x) {
    const std::vector<double> values = x.value().to_vector();
    if (base.empty()) base = values;
    std::vector<std::size_t> moved;
    for (std::size_t i = 0; i < n; ++i) {
      if (values[i] != base[i]) moved.push_back(i);
    }
    if (moved.size() == 1) alone.insert(moved[0]);
    return x * 2.0;
  };
  CHECK(check_gradient(observed, {{n}}, {.sampled_elements = 20, .float32 = false}));
  CHECK(alone.size() == 20);
  CHECK(*alone.begin() < n / 2);
  CHECK(*alone.rbegin() > n / 2);
}

TEST_CASE("linear functions are checked over a step of 1, to 1e-10") {
  const auto product = [](const Variable& a, const Variable& b) { return a * b; };
  const GradientReport report = check_gradient(product, {{2, 3}, {3}}, {.bilinear = true});
  CHECK(report);
  for (const InputReport& input : report.inputs) {
    CHECK(input.tolerance < 3e-10);
    CHECK(input.relative_error() < 1e-12);
  }
  CHECK_FALSE(check_gradient(softplus, {{3}}, {.bilinear = true}));
  CHECK_FALSE(check_gradient(square_wrong_by(1), {{3}}, {.bilinear = true}));
}

TEST_CASE("the report names the worst input, element and both values, in a line and in a table") {
  const auto f = [](const Variable& a, const Variable& b) { return a + square_wrong_by(3)(b); };
  const GradientReport wrong = check_gradient(f, {{3}, {3}}, {.low = 1, .high = 2});
  CHECK_THAT(to_string(wrong), Catch::Contains("input 1: 3 of 3 derivatives are wrong, worst at element") &&
                                   Catch::Contains("analytic") && Catch::Contains("numeric") &&
                                   Catch::Contains("tolerance"));
  CHECK(wrong.inputs[0].wrong == 0);
  CHECK_THAT(table(wrong), Catch::Contains("WRONG") && Catch::Contains("input 0") && Catch::Contains("rel.err"));
  const Tensor one = Tensor::ones({1}, DType::float64);
  const GradientReport three_times = check_gradient_at(square_wrong_by(3), {{"x", one}});
  CHECK_THAT(to_string(three_times), Catch::Contains("; worst x, element 0: analytic 6, numeric 2 +- ") &&
                                         Catch::Contains("worst at element 0: analytic 6, numeric 2 +- "));
  CHECK(three_times.inputs[0].relative_error() == Approx(2));  // of the numeric derivative
  const auto both_wrong = [f = square_wrong_by(3)](const Variable& a, const Variable& b) { return f(a) + f(b); };
  const GradientReport two = check_gradient_at(both_wrong, {{"a", one}, {"b", one}});
  REQUIRE((two.inputs[0].wrong > 0 && two.inputs[1].wrong > 0));
  CHECK_THAT(to_string(two),
             Catch::StartsWith(fmt::format(
                 "gradients DISAGREE: 2 inputs, {} derivatives checked, {} skipped, {} wrong; ",
                 two.inputs[0].checked + two.inputs[1].checked, two.inputs[0].skipped + two.inputs[1].skipped,
                 two.inputs[0].wrong + two.inputs[1].wrong)));
  const GradientReport right = check_gradient(softplus, {{3}});
  CHECK_THAT(to_string(right),
             Catch::StartsWith("gradients agree: 1 input, 3 derivatives checked, 0 skipped, 0 wrong"));
  CHECK_THAT(to_string(right), !Catch::Contains("\n"));
  Tensor kink = Tensor::full({20}, 0.5, DType::float64);
  kink.mutable_data<double>()[3] = 0;
  const auto relu_of_first = [](const Variable& a, const Variable& b) { return relu(a) + b; };
  const Tensor smooth = Tensor::full({20}, 0.25, DType::float64);
  CHECK_THAT(to_string(check_gradient_at(relu_of_first, {{"a", kink}, {"b", smooth}})),
             Catch::StartsWith("gradients agree: 2 inputs, 39 derivatives checked, 1 skipped, 0 wrong"));
}

TEST_CASE("the checker rejects what it cannot check") {
  CHECK_THAT(error_of([] {
               static_cast<void>(check_gradient_at(softplus, {{"x", Tensor::ones({2})}}));
             }),
             Catch::Equals("check_gradient: expected float64 inputs, got float32 for x"));
  CHECK(error_of([] {
          static_cast<void>(check_gradient(softplus, {{2}, {2}}));
        }) == "check_gradient: expected 1 input shape, as many as the function takes, got 2");
  Variable (*const no_function)(const Variable&) = nullptr;
  Variable (*const no_function_of_two)(const Variable&, const Variable&) = nullptr;
  const std::string empty = "check_gradient: expected a function of variables, got an empty one";
  CHECK(error_of([&] { static_cast<void>(check_gradient(no_function, {{2}})); }) == empty);
  CHECK(error_of([&] { static_cast<void>(check_gradient(no_function_of_two, {{2}, {2}})); }) == empty);
  CHECK(error_of([&] { static_cast<void>(check_gradient(std::function<Variable(const Variable&)>(), {{2}})); }) ==
        empty);
  const auto grows = [](const Variable& x) { return x.value().at({0}) > 1 ? concatenate({x, x}, 0) : x; };
  const auto shrinks = [](const Variable& x) { return x.value().at({0}) > 1 ? x : concatenate({x, x}, 0); };
  const auto turns = [](const Variable& x) { return reshape(x, x.value().at({0, 0}) > 1 ? Shape{3, 2} : Shape{2, 3}); };
  CHECK(error_of([&] {
          static_cast<void>(check_gradient_at(turns, {{"x", Tensor::ones({2, 3}, DType::float64)}}));
        }) == "check_gradient: expected an output of shape (2, 3) wherever the inputs are, got (3, 2)");
  const std::vector<CheckedInput> ones{{"x", Tensor::ones({2}, DType::float64)}};
  CHECK(error_of([&] { static_cast<void>(check_gradient_at(grows, ones)); }) ==
        "check_gradient: expected an output of shape (2,) wherever the inputs are, got (4,)");
  CHECK(error_of([&] { static_cast<void>(check_gradient_at(shrinks, ones)); }) ==
        "check_gradient: expected an output of shape (4,) wherever the inputs are, got (2,)");
  CHECK_THAT(error_of([] { static_cast<void>(check_gradient(softplus, {{2}}, {.step = 0})); }),
             Catch::Equals("check_gradient: expected a step above 0, got 0"));
  CHECK(error_of([] { static_cast<void>(check_gradient(softplus, {{2}}, {.low = 1, .high = 1})); }) ==
        "check_gradient: expected low < high, got 1 and 1");
  CHECK_THAT(error_of([] { static_cast<void>(check_gradient(softplus, {{2}}, {.directions = 0})); }),
             Catch::Equals("check_gradient: expected at least one direction, got 0"));
  CHECK_THAT(error_of([] { static_cast<void>(check_gradient(softplus, {{2}}, {.order = 3})); }),
             Catch::Equals("check_gradient: expected order 1 or 2, got 3"));
  CHECK_THAT(error_of([] { static_cast<void>(check_gradient(softplus, {{2}}, {.constant_inputs = {"y"}})); }),
             Catch::Equals("check_gradient: expected constant_inputs among the inputs, got y"));
}
