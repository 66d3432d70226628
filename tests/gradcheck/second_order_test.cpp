#include "gradcheck/second_order.hpp"

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("gradient functions return constants for constants, which outlive their inputs") {
  const DifferentiableFunction gradient = gradient_function([](const Variable& x) { return x * x; });
  const Tensor x = Tensor::of({3}, {1, 2, -3}), dy = Tensor::of({3}, {1, 10, 100});
  const Variable of_constants = gradient({x, dy});
  CHECK_FALSE(of_constants.tracked());
  CHECK((of_constants + 1.0).value().to_vector() == std::vector<double>{3, 41, -599});
  ForwardPass pass(Mode::training);
  CHECK(gradient({pass.watch(x), pass.watch(dy)}).tracked());
}
