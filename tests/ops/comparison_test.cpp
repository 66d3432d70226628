#include "framework/ops/comparison.hpp"

#include <limits>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/arithmetic.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using Values = std::vector<double>;

const double nan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("comparisons give 1 and 0 in the operands' type, broadcast, and NaN differs from everything") {
  const Tensor a = f64({4}, {1, 2, 3, nan}), b = f64({4}, {2, 2, 2, nan});
  CHECK(equal(a, b).to_vector() == Values{0, 1, 0, 0});
  CHECK(not_equal(a, b).to_vector() == Values{1, 0, 1, 1});
  CHECK(less(a, b).to_vector() == Values{1, 0, 0, 0});
  CHECK(less_equal(a, b).to_vector() == Values{1, 1, 0, 0});
  CHECK(greater(a, b).to_vector() == Values{0, 0, 1, 0});
  CHECK(greater_equal(a, b).to_vector() == Values{0, 1, 1, 0});
  CHECK(equal(a, 2).to_vector() == Values{0, 1, 0, 0});
  CHECK(not_equal(a, 2).to_vector() == Values{1, 0, 1, 1});
  CHECK((a < 2).to_vector() == Values{1, 0, 0, 0});
  CHECK((a <= 2).to_vector() == Values{1, 1, 0, 0});
  CHECK((a > 2).to_vector() == Values{0, 0, 1, 0});
  CHECK((a >= 2).to_vector() == Values{0, 1, 1, 0});
  CHECK((a < b).to_vector() == Values{1, 0, 0, 0});
  CHECK((a <= b).to_vector() == Values{1, 1, 0, 0});
  CHECK((a > b).to_vector() == Values{0, 0, 1, 0});
  CHECK((a >= b).to_vector() == Values{0, 1, 1, 0});
  CHECK(less(a, b).dtype() == DType::float64);
  CHECK(less(f64({2, 1}, {1, 3}), f64({3}, {1, 2, 4})).to_vector() == Values{0, 1, 1, 0, 0, 1});
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // float64 has no such number
  CHECK(equal(Tensor::labels({large}), Tensor::labels({large - 1})).item() == 0);
  CHECK(equal(Tensor::labels({1, 2}), 2).dtype() == DType::int64);
  const Tensor whole = Tensor::labels({2, 3});  // a fraction between them is not truncated
  CHECK(equal(whole, 2.5).to_vector() == Values{0, 0});
  CHECK(not_equal(whole, 2.5).to_vector() == Values{1, 1});
  CHECK((whole < 2.5).to_vector() == Values{1, 0});
  CHECK((whole <= 2.5).to_vector() == Values{1, 0});
  CHECK((whole > 2.5).to_vector() == Values{0, 1});
  CHECK((whole >= 2.5).to_vector() == Values{0, 1});
  CHECK((Tensor::of({2}, {0, 255}, DType::uint8) > -0.5).to_vector() == Values{1, 1});
  CHECK(equal(whole, nan).to_vector() == Values{0, 0});
  CHECK((whole < 1e300).to_vector() == Values{1, 1});
  CHECK(equal(Tensor::labels({large}), static_cast<double>(large - 1)).item() == 0);
  CHECK(equal(Tensor::full({1}, 0.1), 0.1).item() == 1);  // in float32, as in NumPy
  CHECK(error_of([&] { less(a, Tensor::zeros({4})); }) ==
        "less: expected two arrays of one type, got float64 (4,) and float32 (4,); convert with .to()");
  CHECK(error_of([&] { less(a, Tensor()); }) ==
        "less: expected two arrays of one type, got float64 (4,) and an undefined tensor; convert with .to()");
  CHECK(error_of([&] { less(Tensor(), a); }) ==
        "less: expected two arrays of one type, got an undefined tensor and float64 (4,); convert with .to()");
  CHECK(error_of([&] {
          greater(a, f64({3}, {1, 2, 3}));
        }) == "greater: expected shapes that broadcast (axes equal or 1, counted from the last), got (4,) and (3,)");
}

TEST_CASE("where selects from two operands, and unselected values have no effect") {
  CHECK(where(f64({3}, {1, 0, -2}), f64({3}, {1, 2, 3}), f64({3}, {4, 5, 6})).value().to_vector() == Values{1, 5, 3});
  CHECK(where(Tensor::labels({0, 1}), f64({}, {7}), f64({2, 1}, {8, 9})).value().to_vector() == Values{8, 7, 9, 7});
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({3}, {-1, nan, 2}));
  const Variable y = where(x > 0, x, f64({}, {0.5}));
  CHECK(y.value().to_vector() == Values{0.5, 0.5, 2});
  pass.backward(y, f64({3}, {1, 1, 1}));
  CHECK(pass.gradient(x).to_vector() == Values{0, 0, 1});
  CHECK(error_of([&] {
          where(f64({2}, {1, 1}), f64({3}, {1, 2, 3}), f64({3}, {1, 2, 3}));
        }) == "where: expected shapes that broadcast (axes equal or 1, counted from the last), got (2,) and (3,)");
  CHECK(error_of([&] { where(Tensor(), x, x); }) ==
        "where: expected an array as the condition, got an undefined tensor");
  CHECK(error_of([&] { where(f64({}, {1}), x, Tensor()); }) ==
        "where: expected two arrays of one type, got float64 (3,) and an undefined tensor; convert with .to()");
  CHECK(error_of([&] { where(f64({}, {1}), Tensor(), x); }) ==
        "where: expected two arrays of one type, got an undefined tensor and float64 (3,); convert with .to()");
  CHECK(error_of([&] { where(f64({}, {1}), x, Tensor::zeros({3})); }) ==
        "where: expected two arrays of one type, got float64 (3,) and float32 (3,); convert with .to()");
}

TEST_CASE("a constant converts to a tensor, a variable whose derivative is recorded does not") {
  const Tensor a = f64({2}, {1, 2}), b = f64({2}, {3, 4});
  const Tensor y = 2 * a + b;
  CHECK(y.to_vector() == Values{5, 8});
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(a);
  CHECK(error_of([&] { const Tensor lost = 2 * x; }) ==
        "Tensor: expected a constant, got a variable of shape (2,) whose derivative is being recorded; use value() for "
        "its value alone");
  CHECK(fmt::format("{}", x) == "[1. 2.] float64 (2,)");
}

}  // namespace
}  // namespace xtape
