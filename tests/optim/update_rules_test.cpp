// Each optimizer compared with its formula, computed here element by element in double.
#include <cmath>
#include <functional>
#include <memory>

#include "framework/autograd/finite_check.hpp"
#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lars.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(const Parameter& p)>;
/// Changes p by the formula under test, for the gradient g at step t = 1, 2, ...; it stores its own state.
using Formula = std::function<void(double& p, double g, int t)>;

Gradients gradient_of(const Parameter& p, Tensor value) {
  Gradients gradients;
  gradients.add(p, std::move(value));
  return gradients;
}

/// The largest difference between optimizer and formula after some steps, with gradients that depend on the values.
double difference(const Shape& shape, DType dtype, int steps, const MakeOptimizer& make_optimizer,
                  const std::function<Formula()>& make_formula) {
  const auto size = static_cast<std::size_t>(shape.size());
  std::vector<double> expected(size), gradients(size);
  for (std::size_t i = 0; i < size; ++i) expected[i] = std::cos(static_cast<double>(i));
  const Parameter p("p", Tensor::of(shape, expected, dtype));
  const auto optimizer = make_optimizer(p);
  const std::vector<Formula> formulas = [&] {
    std::vector<Formula> made(size);
    std::ranges::generate(made, make_formula);
    return made;
  }();
  for (int t = 1; t <= steps; ++t) {
    for (std::size_t i = 0; i < size; ++i) {
      gradients[i] = 0.3 * expected[i] + std::sin(0.01 * static_cast<double>(i) + t);
      formulas[i](expected[i], gradients[i], t);
    }
    optimizer->step(gradient_of(p, Tensor::of(p.shape(), gradients, dtype)));
  }
  return test::largest_difference(p.value(), Tensor::of(shape, expected, dtype));
}

/// On 40000 elements (three pieces of parallel work), and on a small kernel of a convolution for many steps.
void check_rule(const MakeOptimizer& make_optimizer, const std::function<Formula()>& make_formula) {
  CHECK(difference({40000}, DType::float64, 10, make_optimizer, make_formula) < 1e-13);
  CHECK(difference({40000}, DType::float32, 10, make_optimizer, make_formula) < 2e-6);
  CHECK(difference({2, 1, 3, 4}, DType::float64, 300, make_optimizer, make_formula) < 1e-12);
}

template <class Type, class Options>
MakeOptimizer maker(Options options) {
  return [options](const Parameter& p) { return std::make_unique<Type>(std::vector{p}, options); };
}

/// The values of a float64 parameter, initially `first`, after each step with one of these gradients.
template <class Type, class Options>
std::vector<double> trajectory(double first, const std::vector<double>& gradients, Options options) {
  const Parameter p("p", Tensor::scalar(first, DType::float64));
  Type optimizer({p}, options);
  std::vector<double> values;
  for (const double g : gradients) {
    optimizer.step(gradient_of(p, Tensor::scalar(g, DType::float64)));
    values.push_back(p.value().item());
  }
  return values;
}

void check_close(const std::vector<double>& values, const std::vector<double>& expected) {
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(values[i] == Approx(expected[i]).epsilon(1e-9));
}

TEST_CASE("SGD equals a computation by hand") {
  check_close(trajectory<SGD>(1, {2, 2}, SGDOptions{.learning_rate = 0.1}), {0.8, 0.6});
  // v = -0.2, then 0.9 * -0.2 - 0.2 = -0.38
  check_close(trajectory<SGD>(1, {2, 2}, SGDOptions{.learning_rate = 0.1, .momentum = 0.9}), {0.8, 0.42});
  // p += 0.9 v - 0.2: -0.38, then 0.9 * -0.38 - 0.2 = -0.542
  check_close(trajectory<SGD>(1, {2, 2}, SGDOptions{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}),
              {0.62, 0.078});
}

TEST_CASE("SGD equals its formula") {
  check_rule(maker<SGD>(SGDOptions{}), [] { return [](double& p, double g, int) { p -= 0.01 * g; }; });
  check_rule(maker<SGD>(SGDOptions{.momentum = 0.9, .weight_decay = 0.1}), [] {
    return [v = 0.0](double& p, double g, int) mutable {
      v = 0.9 * v - 0.01 * (g + 0.1 * p);
      p += v;
    };
  });
  for (const double momentum : {0.5, 0.9, 0.99}) {
    check_rule(maker<SGD>(SGDOptions{.momentum = momentum}),
               [=] { return [=, v = 0.0](double& p, double g, int) mutable { p += v = momentum * v - 0.01 * g; }; });
    check_rule(maker<SGD>(SGDOptions{.momentum = momentum, .nesterov = true}), [=] {
      return [=, v = 0.0](double& p, double g, int) mutable {
        v = momentum * v - 0.01 * g;
        p += momentum * v - 0.01 * g;
      };
    });
  }
}

TEST_CASE("Adam equals a computation by hand") {
  // Step 1: m = 0.2, v = 0.004, rate_1 = 0.001 * sqrt(0.001) / 0.1. Step 2: m = 0.08, v = 0.004996,
  // rate_2 = 0.001 * sqrt(0.001999) / 0.19.
  check_close(trajectory<Adam>(1, {2, -1}, AdamOptions{.epsilon = 0}),
              {0.999, 0.999 - 0.001 * 0.08 / 0.19 * std::sqrt(0.001999 / 0.004996)});
  // epsilon joins the root of the uncorrected v: rate_1 * 0.2 / (sqrt(0.004) + 0.1)
  check_close(trajectory<Adam>(1, {2}, AdamOptions{.epsilon = 0.1}), {1 - 0.000387425886722793});
  check_close(trajectory<AdamW>(1, {2}, AdamWOptions{.epsilon = 0}), {1 - 0.001 * 0.004 - 0.001});
  // a step does not depend on the size of the gradient, and clipping does not affect the decay
  check_close(trajectory<AdamW>(1, {2}, AdamWOptions{.epsilon = 0, .weight_decay = 0.4, .clip_norm = 0.1}),
              {1 - 0.001 * 0.4 - 0.001});
}

/// Adam's formula as in the algorithm of the paper, with epsilon added before the correction of v.
Formula adam_formula(double rate, double l2, double decoupled, double epsilon = 1e-7) {
  return [=, m = 0.0, v = 0.0](double& p, double g, int t) mutable {
    g += l2 * p;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    p -= rate * decoupled * p;
    p -= rate * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * m / (std::sqrt(v) + epsilon);
  };
}

TEST_CASE("Adam and AdamW equal their formulas") {
  check_rule(maker<Adam>(AdamOptions{}), [] { return adam_formula(1e-3, 0, 0); });
  check_rule(maker<Adam>(AdamOptions{.learning_rate = 0.01, .weight_decay = 0.1}),
             [] { return adam_formula(0.01, 0.1, 0); });
  check_rule(maker<Adam>(AdamOptions{.epsilon = 0.1}), [] { return adam_formula(1e-3, 0, 0, 0.1); });
  check_rule(maker<AdamW>(AdamWOptions{}), [] { return adam_formula(1e-3, 0, 4e-3); });
  check_rule(maker<AdamW>(AdamWOptions{.learning_rate = 0.02, .weight_decay = 0.1}),
             [] { return adam_formula(0.02, 0, 0.1); });
}

TEST_CASE("RMSprop equals a computation by hand") {
  // The example of Keras's documentation: 10 - 0.1 * 10 / sqrt(0.1 * 100 + 1e-7).
  check_close(trajectory<RMSprop>(10, {10}, RMSpropOptions{.learning_rate = 0.1}), {9.683772235});
  // b = 0.1 * 10 / sqrt(10), then 0.5 b + 0.1 * 10 / sqrt(19)
  check_close(trajectory<RMSprop>(10, {10, 10}, RMSpropOptions{.learning_rate = 0.1, .momentum = 0.5, .epsilon = 0}),
              {9.683772233983162, 9.296242617104181});
  // v - a^2 = 10 - 1
  check_close(trajectory<RMSprop>(10, {10}, RMSpropOptions{.learning_rate = 0.1, .epsilon = 0, .centered = true}),
              {10 - 1.0 / 3});
}

Formula rmsprop_formula(double momentum, bool centered) {
  return [=, v = 0.0, a = 0.0, b = 0.0](double& p, double g, int) mutable {
    v = 0.9 * v + 0.1 * g * g;
    a = centered ? 0.9 * a + 0.1 * g : 0;
    b = momentum * b + 1e-3 * g / std::sqrt(v - a * a + 1e-7);
    p -= b;
  };
}

TEST_CASE("RMSprop equals its formula") {
  check_rule(maker<RMSprop>(RMSpropOptions{}), [] { return rmsprop_formula(0, false); });
  check_rule(maker<RMSprop>(RMSpropOptions{.momentum = 0.5}), [] { return rmsprop_formula(0.5, false); });
  check_rule(maker<RMSprop>(RMSpropOptions{.centered = true}), [] { return rmsprop_formula(0, true); });
  check_rule(maker<RMSprop>(RMSpropOptions{.momentum = 0.5, .centered = true}),
             [] { return rmsprop_formula(0.5, true); });
}

/// Distance from the minimum of (p - 3)^2 / 2 + 5 (q + 1)^2 after `count` steps from (0, 0).
double distance_after(const MakeOptimizer& make_optimizer, int count) {
  const Parameter p("p", Tensor::zeros({2}, DType::float64));
  const auto optimizer = make_optimizer(p);
  for (int i = 0; i < count; ++i) {
    const std::vector<double> slopes{p.value().at({0}) - 3, 10 * (p.value().at({1}) + 1)};
    optimizer->step(gradient_of(p, Tensor::of({2}, slopes, DType::float64)));
  }
  return std::hypot(p.value().at({0}) - 3, p.value().at({1}) + 1);
}

TEST_CASE("no optimizer has a state or weights that are not finite after gradients whose squares overflow") {
  using Parameters = std::vector<Parameter>;
  const std::vector<std::function<std::unique_ptr<Optimizer>(const Parameters&)>> optimizers{
      [](const Parameters& p) { return std::make_unique<SGD>(p, SGDOptions{.learning_rate = 0.01, .momentum = 0.5}); },
      [](const Parameters& p) { return std::make_unique<Adam>(p); },
      [](const Parameters& p) { return std::make_unique<AdamW>(p); },
      [](const Parameters& p) { return std::make_unique<Nadam>(p); },
      [](const Parameters& p) { return std::make_unique<Adamax>(p); },
      [](const Parameters& p) {
        return std::make_unique<RMSprop>(p, RMSpropOptions{.momentum = 0.5, .centered = true});
      },
      [](const Parameters& p) { return std::make_unique<Adagrad>(p); },
      [](const Parameters& p) { return std::make_unique<Adadelta>(p); },
      [](const Parameters& p) { return std::make_unique<Lion>(p); },
      [](const Parameters& p) { return std::make_unique<LAMB>(p); },
      [](const Parameters& p) { return std::make_unique<LARS>(p); }};
  for (const auto& [dtype, sizes] : {std::pair(DType::float32, std::vector{1e15, 2e19, 1e20, 1e38}),
                                     std::pair(DType::float64, std::vector{1e100, 1e155, 1e200, 1e307})}) {
    for (const double size : sizes) {
      for (std::size_t i = 0; i < optimizers.size(); ++i) {
        const Parameter p("p", Tensor::of({2, 1}, {0.5, -0.25}, dtype));
        const auto optimizer = optimizers[i]({p});
        INFO(optimizer->type() << ", " << size);
        for (const double slope : {size, -size, 1.0, 0.5}) {
          optimizer->step(gradient_of(p, Tensor::of({2, 1}, {slope, -slope / 2}, dtype)));
          CHECK(all_finite(p.value()));
          for (const auto& [name, slot] : optimizer->named_state()) {
            INFO(name);
            CHECK(all_finite(slot));
          }
        }
      }
    }
  }
}

// The first step of Adam is the rate, that of RMSprop the rate / sqrt(1 - rho), or, centered, the rate / sqrt((1 - rho)
// - (1 - rho)^2), for gradients of any size.
TEST_CASE("gradients whose squares overflow give correct steps") {
  for (const auto& [dtype, sizes] : {std::pair(DType::float32, std::vector{1e15, 1e19, 1e20, 1e30, 3e38}),
                                     std::pair(DType::float64, std::vector{1e100, 1e160, 1e200, 1e308})}) {
    for (const double size : sizes) {
      INFO(size);
      const auto moved = [&, dtype = dtype](auto make) {
        const Parameter p("p", Tensor::scalar(0, dtype));
        const auto optimizer = make({p});
        optimizer->step(gradient_of(p, Tensor::scalar(-size, dtype)));
        const double first = p.value().item();
        for (int i = 0; i < 20; ++i) {
          optimizer->step(gradient_of(p, Tensor::scalar(i % 2 == 0 ? 1 : size, dtype)));
          REQUIRE(std::isfinite(p.value().item()));
        }
        return first;
      };
      using Parameters = std::vector<Parameter>;
      CHECK(moved([](const Parameters& p) { return std::make_unique<Adam>(p, AdamOptions{.learning_rate = 0.1}); }) ==
            Approx(0.1));
      CHECK(moved([](const Parameters& p) {
              return std::make_unique<RMSprop>(p, RMSpropOptions{.learning_rate = 0.1, .rho = 0.75});
            }) == Approx(0.2));
      CHECK(moved([](const Parameters& p) {
              return std::make_unique<RMSprop>(p, RMSpropOptions{.learning_rate = 0.1, .rho = 0.5, .centered = true});
            }) == Approx(0.2));
    }
    const Parameter p("p", Tensor::scalar(0, dtype));
    Adam adam({p});
    const Tensor infinite = Tensor::scalar(std::numeric_limits<double>::infinity(), dtype);
    CHECK_THROWS_AS(adam.step(gradient_of(p, infinite)), Error);
    CHECK(p.value().item() == 0);
  }
}

TEST_CASE("every optimizer finds the minimum of a quadratic") {
  const LearningRate falling = schedule::exponential(0.1, 50, 0.5);
  CHECK(distance_after(maker<SGD>(SGDOptions{.learning_rate = 0.1}), 400) < 1e-9);
  CHECK(distance_after(maker<SGD>(SGDOptions{.learning_rate = 0.05, .momentum = 0.9}), 600) < 1e-9);
  CHECK(distance_after(maker<SGD>(SGDOptions{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}), 600) < 1e-9);
  CHECK(distance_after(maker<Adam>(AdamOptions{.learning_rate = 0.1}), 1500) < 1e-6);
  CHECK(distance_after(maker<AdamW>(AdamWOptions{.learning_rate = 0.1, .weight_decay = 0}), 1500) < 1e-6);
  CHECK(distance_after(maker<RMSprop>(RMSpropOptions{.learning_rate = falling}), 1000) < 1e-4);
  CHECK(distance_after(maker<RMSprop>(RMSpropOptions{.learning_rate = falling, .momentum = 0.5}), 1000) < 1e-4);
}

TEST_CASE("options out of range are rejected") {
  const Parameter p("p", Tensor::zeros({1}));
  CHECK(error_of([&] { SGD({p}, {.momentum = 1}); }) == "SGD: expected momentum in [0, 1), got 1");
  CHECK(error_of([&] { SGD({p}, {.nesterov = true}); }) == "SGD: expected momentum above 0 with nesterov, got 0");
  CHECK(error_of([&] { Adam({p}, {.beta1 = 1.5}); }) == "Adam: expected beta1 in [0, 1), got 1.5");
  CHECK(error_of([&] { Adam({p}, {.beta2 = -0.1}); }) == "Adam: expected beta2 in [0, 1), got -0.1");
  CHECK(error_of([&] { Adam({p}, {.epsilon = -1}); }) == "Adam: expected a finite epsilon of at least 0, got -1");
  CHECK(error_of([&] { AdamW({p}, {.weight_decay = -1}); }) ==
        "AdamW: expected a finite weight_decay of at least 0, got -1");
  CHECK(error_of([&] { AdamW({p}, {.beta1 = 1}); }) == "AdamW: expected beta1 in [0, 1), got 1");
  CHECK(error_of([&] { RMSprop({p}, {.rho = 1}); }) == "RMSprop: expected rho in [0, 1), got 1");
  CHECK(error_of([&] { RMSprop({p}, {.momentum = -1}); }) == "RMSprop: expected momentum in [0, 1), got -1");
  CHECK(error_of([&] { RMSprop({p}, {.epsilon = -1}); }) == "RMSprop: expected a finite epsilon of at least 0, got -1");
}

}  // namespace
}  // namespace xtape
