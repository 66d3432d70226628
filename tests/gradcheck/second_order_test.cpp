#include "gradcheck/second_order.hpp"

#include <functional>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "gradcheck/gradient_check.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("the second derivatives of losses of elements agree with differences on both sides of their limits") {
  using Loss = std::function<Variable(const Variable& outputs, const Tensor& targets)>;
  const std::vector<std::pair<const char*, Loss>> losses{
      {"mean_squared_error", [](const Variable& y, const Tensor& t) { return mean_squared_error(y, t); }},
      {"mean_absolute_error", [](const Variable& y, const Tensor& t) { return mean_absolute_error(y, t); }},
      {"huber", [](const Variable& y, const Tensor& t) { return huber(y, t, {}, {.delta = 0.7}); }},
      {"log_cosh", [](const Variable& y, const Tensor& t) { return log_cosh(y, t); }},
      {"mean_squared_logarithmic_error",
       [](const Variable& y, const Tensor& t) { return mean_squared_logarithmic_error(y, t); }},
      {"mean_absolute_percentage_error",
       [](const Variable& y, const Tensor& t) { return mean_absolute_percentage_error(y, t); }},
      {"poisson", [](const Variable& y, const Tensor& t) { return poisson(y, t); }}};
  const Tensor targets = test::f64({2, 4}, {3, 3, 3, 3, 2.5, 2.5, 2.5, 2.5});
  // differences of -2.1, -0.3, 0.4 and 2.6
  const Tensor outputs = test::f64({2, 4}, {0.9, 2.7, 3.4, 5.6, 0.4, 2.2, 2.9, 5.1});
  for (const auto& [name, loss] : losses) {
    INFO(name);
    const auto f = [&loss = loss, &targets](const Variable& y) { return loss(y, targets); };
    CHECK(check_gradient_at(DifferentiableFunction(f), {{"outputs", outputs}}, {.order = 2, .float32 = false}));
  }
}

TEST_CASE("gradient functions return constants for constants, which outlive their inputs") {
  const DifferentiableFunction gradient = gradient_function([](const Variable& x) { return x * x; });
  const Tensor x = Tensor::of({3}, {1, 2, -3}), dy = Tensor::of({3}, {1, 10, 100});
  const Variable of_constants = gradient({x, dy});
  CHECK_FALSE(of_constants.tracked());
  CHECK((of_constants + 1.0).value().to_vector() == std::vector<double>{3, 41, -599});
  ForwardPass pass(Mode::training);
  CHECK(gradient({pass.watch(x), pass.watch(dy)}).tracked());
}
