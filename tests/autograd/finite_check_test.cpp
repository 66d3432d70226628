#include "framework/autograd/finite_check.hpp"

#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/elementary.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using test::error_of;

TEST_CASE("a summary of values has minimum, mean and maximum of the finite ones, and the number of others") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(summary_of_values(Tensor::of({2, 3}, {1, nan, -3, infinity, -infinity, 8})) ==
        "(2, 3): min -3, mean 2, max 8, 3 of 6 not finite");
  CHECK(summary_of_values(Tensor::of({3}, {0.5, 2, 0.5}, DType::float64)) ==
        "(3,): min 0.5, mean 1, max 2, 0 of 3 not finite");
  CHECK(summary_of_values(Tensor::of({2}, {nan, -infinity})) == "(2,): none of 2 finite");
}

TEST_CASE("messages of a finite check name its step, which is 0 by default") {
  const auto message = [](FiniteCheck finite) {
    ForwardPass pass(Mode::training, {.observers = {&finite}});
    const Variable zero = pass.watch(Tensor::zeros({2}));
    return error_of([&] { log(zero); });
  };
  CHECK(message(FiniteCheck()) ==
        "step 0, layer (none), log: expected a finite value, got (2,): none of 2 finite; input 0 (2,): min 0, mean 0, "
        "max 0, 0 of 2 not finite");
  CHECK(message(FiniteCheck(5)) ==
        "step 5, layer (none), log: expected a finite value, got (2,): none of 2 finite; input 0 (2,): min 0, mean 0, "
        "max 0, 0 of 2 not finite");
}
