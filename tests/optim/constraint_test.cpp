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
  p.set_value(p.value().to(DType::float32));  // as the conversion of a model does
  sgd.swap_averages();
  CHECK(identical(p.value(), Tensor::of({1}, {2})));
  sgd.swap_averages();
  CHECK(identical(p.value(), Tensor::of({1}, {1})));
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

TEST_CASE("the average of a parameter begins with its first step, and resumes with the same bits") {
  const auto run = [](bool resume) {
    const Parameter a("a", test::f64({1}, {1})), b("b", test::f64({1}, {1}));
    const auto make = [&] {
      return std::make_unique<SGD>(std::vector{a, b}, SGDOptions{.learning_rate = 1, .ema_momentum = 0.5});
    };
    auto sgd = make();
    sgd->step(gradient_of(a, {1}));
    b.set_value(test::f64({1}, {9}));  // what the parameter was before its first step does not count
    if (resume) {
      const auto state = sgd->named_state();
      sgd = make();
      sgd->restore(1, state);
    }
    sgd->swap_averages();
    CHECK(b.value().item() == 9);
    sgd->swap_averages();
    sgd->step(gradient_of(b, {1}));
    sgd->step(gradient_of(b, {4}));
    sgd->swap_averages();
    return std::vector{a.value().item(), b.value().item()};
  };
  CHECK(run(false) == std::vector<double>{0, 6});  // b: 8 at the first step, then 0.5 * 8 + 0.5 * 4
  CHECK(run(true) == std::vector<double>{0, 6});
}

TEST_CASE("a constraint that returns another shape or type, or throws, is an Error and keeps the weights") {
  const auto after = [](const std::function<Tensor(const Tensor&)>& project, const std::string& message) {
    const Parameter p("p", test::f64({2}, {2, 5}));
    p.set_constraint(project);
    SGD sgd({p}, {.learning_rate = 1});
    CHECK(test::error_of([&] { sgd.step(gradient_of(p, {1, 1})); }) == message);
    CHECK(p.value().to_vector() == std::vector<double>{1, 4});
  };
  after([](const Tensor& value) { return value.to(DType::float32); },
        "SGD: expected a constraint of p that returns float64 (2,), got float32 (2,)");
  after([](const Tensor&) { return test::f64({1}, {7}); },
        "SGD: expected a constraint of p that returns float64 (2,), got float64 (1,)");
  after([](const Tensor&) { return Tensor(); },
        "SGD: expected a constraint of p that returns float64 (2,), got an undefined tensor");
  after([](const Tensor&) -> Tensor { fail("mine"); }, "mine");
}

}  // namespace
}  // namespace xtape
