#include <algorithm>
#include <cmath>

#include "layers/layers.hpp"
#include "tests/layers/option_rows.hpp"
#include "tests/layers/plain_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

/// y = f(x) for each element.
std::function<Tensor(const Trial&)> by(double (*f)(double)) {
  return [f](const Trial& t) { return each(t.input(), f); };
}

/// x for x > 0, else alpha x, for samples of two axes.
Tensor by_slopes(const Trial& t) {
  const Tensor alpha = t.parameter("alpha");
  std::vector<double> values = t.input().to_vector();
  const std::int64_t columns = t.input().dim(2), rows = t.input().dim(1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t row = alpha.dim(0) == 1 ? 0 : at / columns % rows, column = alpha.dim(1) == 1 ? 0 : at % columns;
    if (values[i] <= 0) values[i] *= alpha.at({row, column});
  }
  return Tensor::of(t.input().shape(), values, DType::float64);
}

}  // namespace

void add_rectifier_rows(std::vector<OptionRow>& rows) {
  const auto add = [&](const std::string& option, const auto& plain, const auto& changed, const auto& check) {
    rows.push_back({option, plain.definition(), changed.definition(), {{4, 3}}, check});
  };
  const auto relu_of = by([](double v) { return std::max(v, 0.0); });
  add("max_value", ReLU(), ReLU({.max_value = 0.5}),
      outputs(relu_of, by([](double v) { return std::min(std::max(v, 0.0), 0.5); })));
  add("negative_slope", ReLU(), ReLU({.negative_slope = 0.25}),
      outputs(relu_of, by([](double v) { return v > 0 ? v : 0.25 * v; })));
  add("threshold", ReLU(), ReLU({.threshold = 0.5}), outputs(relu_of, by([](double v) { return v > 0.5 ? v : 0; })));
  add("negative_slope", LeakyReLU(), LeakyReLU({.negative_slope = 0.125}),
      outputs(by([](double v) { return v > 0 ? v : 0.3 * v; }), by([](double v) { return v > 0 ? v : 0.125 * v; })));
  add("alpha", ELU(), ELU({.alpha = 0.5}),
      outputs(by([](double v) { return v > 0 ? v : std::exp(v) - 1; }),
              by([](double v) { return v > 0 ? v : (std::exp(v) - 1) / 2; })));
  add("shared_axes", PReLU(), PReLU({.shared_axes = {1}}), [](const Trial& plain, const Trial& changed) {
    CHECK(plain.initial("alpha").shape() == Shape{4, 3});
    CHECK(changed.initial("alpha").shape() == Shape{1, 3});
    outputs(by_slopes, by_slopes)(plain, changed);
  });
  add("alpha_initializer", PReLU(), PReLU({.alpha_initializer = constant(0.25)}),
      [](const Trial& plain, const Trial& changed) {
        CHECK(identical(plain.initial("alpha"), Tensor::zeros({4, 3})));
        CHECK(identical(changed.initial("alpha"), Tensor::full({4, 3}, 0.25)));
      });
  add("alpha_regularizer", PReLU(), PReLU({.alpha_regularizer = l1(0.5)}),
      [](const Trial& plain, const Trial& changed) {
        double sum = 0;
        for (const double v : changed.parameter("alpha").to_vector()) sum += std::abs(v);
        CHECK(plain.penalty() == 0);
        CHECK(changed.penalty() == Approx(0.5 * sum).epsilon(1e-12));
      });
  add("alpha_constraint", PReLU(), PReLU({.alpha_constraint = non_neg()}),
      [](const Trial& plain, const Trial& changed) {
        CHECK_FALSE(plain.handle("alpha").constraint());
        const Tensor alpha = changed.parameter("alpha");
        const Tensor expected = each(alpha, [](double v) { return std::max(v, 0.0); });
        CHECK(identical(changed.handle("alpha").constraint()(alpha), expected));
      });
}

}  // namespace xtape::test
