#include "framework/ops/arithmetic.hpp"

#include <cmath>
#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "tests/ops/values.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::values_of;
using Values = std::vector<double>;

const Variable row = f64({3}, {1, 2, 4});
const Variable column = f64({2, 1}, {10, 20});

TEST_CASE("arithmetic broadcasts as NumPy does") {
  CHECK((row + column).shape() == Shape{2, 3});
  CHECK(values_of(row + column) == Values{11, 12, 14, 21, 22, 24});
  CHECK(values_of(row - column) == Values{-9, -8, -6, -19, -18, -16});
  CHECK(values_of(row * column) == Values{10, 20, 40, 20, 40, 80});
  CHECK(values_of(column / row) == Values{10, 5, 2.5, 20, 10, 5});
  CHECK(values_of(row + f64({}, {1})) == Values{2, 3, 5});
  CHECK((row + f64({0, 1}, {})).shape() == Shape{0, 3});
}

TEST_CASE("numbers may be on either side of an operator") {
  CHECK(values_of(row + 1) == Values{2, 3, 5});
  CHECK(values_of(1 + row) == Values{2, 3, 5});
  CHECK(values_of(row - 1) == Values{0, 1, 3});
  CHECK(values_of(1 - row) == Values{0, -1, -3});
  CHECK(values_of(row * 2) == Values{2, 4, 8});
  CHECK(values_of(2 * row) == Values{2, 4, 8});
  CHECK(values_of(row / 2) == Values{0.5, 1, 2});
  CHECK(values_of(8 / row) == Values{8, 4, 2});
  CHECK(values_of(-row) == Values{-1, -2, -4});
  const Variable single = Tensor::of({2}, {1, 2});
  CHECK((single * 0.1).dtype() == DType::float32);
}

TEST_CASE("operands of wrong shapes are errors that name the function") {
  CHECK(error_of([] {
          add(row, f64({2}, {1, 2}));
        }) == "add: expected shapes that broadcast (axes equal or 1, counted from the last), got (3,) and (2,)");
  CHECK(error_of([] { multiply(row, Tensor::ones({3})); }) ==
        "multiply: expected operands of one type, got float64 and float32; convert with .to()");
  CHECK(error_of([] { negate(Tensor::labels({1})); }) ==
        "negate: expected float32 or float64, got int64; convert with .to(DType::float32)");
}

TEST_CASE("gradients are summed over broadcast axes and reuse dy where they can") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(row.value());
  const Variable y = pass.watch(column.value());
  const Variable z = x * y + x;
  pass.backward(z, f64({2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK(pass.operations() == std::vector<std::string>{"multiply", "add"});
  CHECK(pass.gradient(x).to_vector() == Values{1 * 11 + 4 * 21, 2 * 11 + 5 * 21, 3 * 11 + 6 * 21});
  CHECK(pass.gradient(y).to_vector() == Values{1 + 4 + 12, 4 + 10 + 24});

  ForwardPass other(Mode::training);
  const Variable u = other.watch(row.value());
  const Tensor dy = f64({3}, {1, 2, 3});
  other.backward(u + 1, dy);
  CHECK(other.gradient(u).shares_storage_with(dy));
}

TEST_CASE("maximum and minimum give ties to the first operand and keep NaN") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor a = f64({3}, {1, 5, 2});
  const Tensor b = f64({3}, {3, 5, 1});
  CHECK(values_of(maximum(a, b)) == Values{3, 5, 2});
  CHECK(values_of(minimum(a, b)) == Values{1, 5, 1});
  for (const auto& function : {maximum, minimum}) {
    ForwardPass with_nan(Mode::training);
    const Variable u = with_nan.watch(f64({4}, {nan, 1, nan, 2})), v = with_nan.watch(f64({4}, {1, nan, nan, 1}));
    const Variable larger = function(u, v);
    for (const std::int64_t i : {0, 1, 2}) CHECK(std::isnan(larger.value().at({i})));
    with_nan.backward(larger, f64({4}, {1, 1, 1, 0}));
    CHECK(values_of(with_nan.gradient(u)) == Values{1, 0, 1, 0});  // NaN has the gradient
    CHECK(values_of(with_nan.gradient(v)) == Values{0, 1, 0, 0});
    ForwardPass pass(Mode::training);
    const Variable x = pass.watch(a);
    const Variable y = pass.watch(b);
    pass.backward(function(x, y), f64({3}, {1, 1, 1}));
    CHECK(pass.gradient(x).at({1}) == 1);
    CHECK(pass.gradient(y).at({1}) == 0);
    CHECK(values_of(add(pass.gradient(x), pass.gradient(y))) == Values{1, 1, 1});
  }
}

TEST_CASE("clip keeps values in range and passes gradients inside it") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({5}, {-2, -1, 0.5, 1, 3}));
  const Variable y = clip(x, -1, 1);
  CHECK(values_of(y) == Values{-1, -1, 0.5, 1, 1});
  pass.backward(y, f64({5}, {1, 2, 3, 4, 5}));
  CHECK(pass.gradient(x).to_vector() == Values{0, 2, 3, 4, 0});
  CHECK(error_of([] { clip(row, 2, 1); }) == "clip: expected low <= high, got low 2 and high 1");
}

TEST_CASE("sum_to undoes broadcast_to") {
  const Variable x = f64({2, 1}, {1, 2});
  const Variable wide = broadcast_to(x, {2, 2, 3});
  CHECK(values_of(wide) == Values{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
  CHECK(values_of(sum_to(wide, {2, 1})) == Values{6, 12});
  CHECK(values_of(sum_to(wide, {3})) == Values{6, 6, 6});
  CHECK(sum_to(wide, {}).value().item() == 18);
  CHECK(values_of(broadcast_to(f64({3}, {1, 2, 3}), {2, 3})) == Values{1, 2, 3, 1, 2, 3});
  CHECK(sum_to(x, {2, 1}).value().shares_storage_with(x.value()));
  CHECK(values_of(sum_to(f64({0, 2}, {}), {2})) == Values{0, 0});
  CHECK(broadcast_to(x, {0, 2, 3}).size() == 0);
  CHECK(error_of([&] { sum_to(x, {2, 3}); }) == "sum_to: expected a shape that broadcasts to (2, 1), got (2, 3)");
  CHECK(error_of([&] {
          broadcast_to(wide, {2, 3});
        }) == "broadcast_to: expected a shape that (2, 2, 3) broadcasts to, got (2, 3)");
}

TEST_CASE("a value used twice gets both gradients") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({2}, {3, -5}));
  pass.backward(x * x, f64({2}, {1, 1}));
  CHECK(pass.gradient(x).to_vector() == Values{6, -10});
}

}  // namespace
}  // namespace xtape
