#include "framework/autograd/finite_check.hpp"

#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/tensor/elementwise.hpp"
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

TEST_CASE("messages of a finite check list every input of the op, and number its derivatives") {
  FiniteCheck finite(2);
  ForwardPass pass(Mode::training, {.observers = {&finite}});
  const Variable x = pass.watch(Tensor::of({2}, {1, 3})), y = pass.watch(Tensor::of({2}, {0, 2}));
  CHECK(error_of([&] { divide(x, y); }) ==
        "step 2, layer (none), divide: expected a finite value, got (2,): min 1.5, mean 1.5, max 1.5, 1 of 2 not "
        "finite; input 0 (2,): min 1, mean 2, max 3, 0 of 2 not finite; input 1 (2,): min 0, mean 1, max 2, 0 of 2 not "
        "finite");
  pass.begin_layer("last");
  const auto identity = [](const Tensor& dy) { return dy; };
  const auto infinite = [](const Tensor& dy) {
    return Tensor::full(dy.shape(), std::numeric_limits<double>::infinity());
  };
  const Variable z = record("second", x.value(), {{x, identity}, {y, infinite}});
  CHECK(error_of([&] { pass.backward(z, Tensor::ones({2})); }) ==
        "step 2, layer last, second: expected a finite derivative number 1, got (2,): none of 2 finite");
}

TEST_CASE("arrays are finite, or without NaN, if every element is, in each piece of the work; integers always are") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const std::int64_t size : {std::int64_t{1}, elementwise_grain, 2 * elementwise_grain + 1}) {
      for (const auto& [bad, without_nan] : {std::pair(nan, false), {infinity, true}, {-infinity, true}}) {
        for (const std::int64_t at : {std::int64_t{0}, size / 2, size - 1}) {
          Tensor x = Tensor::zeros({size}, dtype);
          CHECK((all_finite(x) && no_nan(x)));
          x.assign({at}, bad);
          INFO(bad << " at " << at << " of " << size);
          CHECK_FALSE(all_finite(x));
          CHECK(no_nan(x) == without_nan);
        }
      }
    }
    const double largest = dtype == DType::float32 ? std::numeric_limits<float>::max() : 1.7976931348623157e308;
    CHECK(all_finite(Tensor::of({2}, {largest, -largest}, dtype)));
  }
  for (const DType dtype : {DType::int64, DType::uint8}) {
    CHECK(all_finite(Tensor::ones({2}, dtype)));
    CHECK(no_nan(Tensor::ones({2}, dtype)));
  }
  CHECK((all_finite(Tensor::zeros({0})) && no_nan(Tensor::zeros({0}))));
}
