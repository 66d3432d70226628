// Constraints and moving averages: after each step, in step() and in minimize(), and resumed with the same bits.
#include <cmath>

#include "framework/ops/ops.hpp"
#include "optim/adam.hpp"
#include "optim/nadam.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

Gradients gradient_of(const Parameter& p, const std::vector<double>& values) {
  Gradients gradients;
  gradients.add(p, Tensor::of(p.shape(), values, p.dtype()));
  return gradients;
}

TEST_CASE("the constraint of a parameter is applied after each step, and in streaming steps too") {
  const auto not_below_one = [](const Tensor& value) {
    return maximum(Variable(value), Variable(Tensor::ones(value.shape(), value.dtype()))).value();
  };
  const Parameter p("p", test::f64({2}, {2, 5}));
  p.set_constraint(not_below_one);
  SGD sgd({p}, {.learning_rate = 1});
  sgd.step(gradient_of(p, {3, 1}));
  CHECK(p.value().to_vector() == std::vector<double>{1, 4});
  ForwardPass pass(Mode::training);
  sgd.minimize(sum(pass.parameter(p) * 2.5), pass);
  CHECK(p.value().to_vector() == std::vector<double>{1, 1.5});
}

TEST_CASE("moving averages follow the constrained values, and swapping twice changes nothing") {
  const Parameter p("p", test::f64({1}, {4}));
  p.set_constraint([](const Tensor& value) { return clip(Variable(value), 0, 3).value(); });
  SGD sgd({p}, {.learning_rate = 1, .ema_momentum = 0.5});
  sgd.step(gradient_of(p, {0}));
  sgd.step(gradient_of(p, {2}));
  CHECK(p.value().item() == 1);
  sgd.swap_averages();
  CHECK(p.value().item() == 2);  // of 3 and 1
  sgd.swap_averages();
  CHECK(p.value().item() == 1);
  SGD without({p});
  CHECK(test::error_of([&] { without.swap_averages(); }) ==
        "SGD::swap_averages: expected an optimizer with ema_momentum, got one without");
  CHECK(test::error_of([&] { SGD({p}, {.ema_momentum = 1}); }) == "SGD: expected ema_momentum in [0, 1), got 1");
}

TEST_CASE("an optimizer with averages, or with a quantity of all steps, resumes with the same bits") {
  const auto run = [](auto make, bool interrupted) {
    Parameter p("p", Tensor::of({2}, {2, -5}));
    auto optimizer = make(p);
    for (int i = 0; i < 7; ++i) {
      if (interrupted && i == 3) {
        const auto state = optimizer->named_state();
        const std::int64_t iterations = optimizer->iterations();
        optimizer = make(p);
        optimizer->restore(iterations, state);
      }
      optimizer->step(gradient_of(p, {std::sin(i), std::cos(i)}));
    }
    std::vector<Tensor> values{p.value()};
    for (const auto& [name, slot] : optimizer->named_state()) values.push_back(slot);
    return values;
  };
  const auto nadam = [](const Parameter& p) {
    return std::make_unique<Nadam>(std::vector{p}, NadamOptions{.learning_rate = 0.1, .ema_momentum = 0.9});
  };
  const auto adam = [](const Parameter& p) {
    return std::make_unique<Adam>(std::vector{p}, AdamOptions{.learning_rate = 0.1, .ema_momentum = 0.9});
  };
  const auto same = [&](auto make) {
    const auto whole = run(make, false), resumed = run(make, true);
    REQUIRE(whole.size() == 4);  // the value, m, v and the average
    REQUIRE(resumed.size() == 4);
    for (std::size_t i = 0; i < whole.size(); ++i) CHECK(identical(whole[i], resumed[i]));
  };
  same(nadam);
  same(adam);
}

TEST_CASE("a Nadam that goes back to an earlier state computes what it did then") {
  const Parameter p("p", Tensor::of({1}, {2}));
  Nadam nadam({p}, {.learning_rate = 0.1});
  const auto state = nadam.named_state();
  std::vector<double> first, second;
  for (auto* values : {&first, &second}) {
    p.set_value(Tensor::of({1}, {2}));
    nadam.restore(0, state);
    for (int i = 0; i < 4; ++i) {
      nadam.step(gradient_of(p, {1.0 + i}));
      values->push_back(p.value().item());
    }
  }
  CHECK(first == second);
}

}  // namespace
}  // namespace xtape
