#include "framework/ops/elementary.hpp"

#include <cmath>

#include "framework/autograd/forward_pass.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::largest_difference;
using Values = std::vector<double>;

/// The gradient of sum(f(x)).
template <class F>
Values gradient_of(F f, const Tensor& x) {
  ForwardPass pass(Mode::training);
  const Variable input = pass.watch(x);
  const Variable y = f(input);
  pass.backward(y, Tensor::ones(y.shape(), y.dtype()));
  return pass.gradient(input).to_vector();
}

TEST_CASE("elementary functions have the values of the standard library") {
  const Tensor x = f64({2, 2}, {0.25, 1, 4, 9});
  CHECK(sqrt(x).value().to_vector() == Values{0.5, 1, 2, 3});
  CHECK(square(x).value().to_vector() == Values{0.0625, 1, 16, 81});
  CHECK(largest_difference(exp(x).value(),
                           f64({2, 2}, {std::exp(0.25), std::exp(1.0), std::exp(4.0), std::exp(9.0)})) == 0);
  CHECK(largest_difference(log(exp(x)).value(), x) < 1e-14);
  CHECK(abs(f64({3}, {-2, 0, 3})).value().to_vector() == Values{2, 0, 3});
  CHECK(pow(x, -0.5).value().to_vector() == Values{2, 1, 0.5, 1.0 / 3});
  CHECK(pow(f64({3}, {-2, 3, 4}), 3).value().to_vector() == Values{-8, 27, 64});
  CHECK(exp(Tensor::ones({1})).value().item() == Approx(2.7182817F).epsilon(1e-7));
}

TEST_CASE("pow of two arrays broadcasts") {
  const Variable z = pow(f64({2, 1}, {2, 3}), f64({3}, {0, 1, 2}));
  CHECK(z.shape() == Shape{2, 3});
  CHECK(z.value().to_vector() == Values{1, 2, 4, 1, 3, 9});
  CHECK(error_of([] {
          pow(f64({2}, {1, 2}), f64({3}, {1, 2, 3}));
        }) == "pow: expected shapes that broadcast (axes equal or 1, counted from the last), got (2,) and (3,)");
}

TEST_CASE("elementary functions have their derivatives") {
  CHECK(gradient_of(log, f64({2}, {2, 4})) == Values{0.5, 0.25});
  CHECK(gradient_of(sqrt, f64({2}, {4, 16})) == Values{0.25, 0.125});
  CHECK(gradient_of(square, f64({2}, {-3, 5})) == Values{-6, 10});
  CHECK(gradient_of(abs, f64({3}, {-3, 0, 5})) == Values{-1, 0, 1});
  CHECK(gradient_of(exp, f64({1}, {0})) == Values{1});
  CHECK(gradient_of([](const Variable& x) { return pow(x, 3); }, f64({2}, {-2, 0})) == Values{12, 0});
}

TEST_CASE("pow has derivatives without NaN at zero") {
  CHECK(gradient_of([](const Variable& x) { return pow(x, 0); }, f64({2}, {0, 3})) == Values{0, 0});
  const Tensor zeros_and_two = f64({3}, {0, 0, 2});
  const Tensor exponents = f64({3}, {0, 1, 3});
  CHECK(gradient_of([&](const Variable& x) { return pow(x, exponents); }, zeros_and_two) == Values{0, 1, 12});
  const Values by_exponent = gradient_of([&](const Variable& y) { return pow(zeros_and_two, y); }, exponents);
  CHECK(by_exponent[0] == 0);
  CHECK(by_exponent[1] == 0);
  CHECK(by_exponent[2] == Approx(8 * std::log(2)));
}

TEST_CASE("expm1 and log1p keep their digits near 0, and the trigonometric functions count in radians") {
  const double tiny = 1e-18;  // 1 + tiny is 1
  CHECK(expm1(f64({1}, {tiny})).value().item() == tiny);
  CHECK(log1p(f64({1}, {tiny})).value().item() == tiny);
  CHECK(expm1(f64({1}, {1})).value().item() == Approx(1.718281828459045));
  CHECK(log1p(f64({1}, {1})).value().item() == Approx(0.6931471805599453));
  const double pi = 3.141592653589793;
  CHECK(largest_difference(sin(f64({3}, {0, pi / 6, pi / 2})).value(), f64({3}, {0, 0.5, 1})) < 1e-15);
  CHECK(largest_difference(cos(f64({3}, {0, pi / 3, pi})).value(), f64({3}, {1, 0.5, -1})) < 1e-15);
  CHECK(sign(f64({4}, {-2, -0.0, 0, 1e-300})).to_vector() == Values{-1, 0, 0, 1});
  CHECK(std::isnan(sign(f64({1}, {std::nan("")})).item()));
}

}  // namespace
}  // namespace xtape
