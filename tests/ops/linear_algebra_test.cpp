#include "framework/ops/linear_algebra.hpp"

#include <cmath>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/tensor/random.hpp"
#include "tests/ops/values.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::largest_difference;
using test::normal;
using Values = std::vector<double>;

Tensor identity(std::int64_t n) {
  Tensor y = Tensor::zeros({n, n}, DType::float64);
  for (std::int64_t i = 0; i < n; ++i) y.mutable_data<double>()[i * n + i] = 1;
  return y;
}

TEST_CASE("solve gives the x with a x = b, for vectors, matrices and stacks") {
  for (const std::int64_t n : {1, 2, 7}) {
    const Tensor a = normal({n, n}, 1);
    for (const std::int64_t k : {1, 3}) {
      const Tensor b = normal({n, k}, 2);
      CHECK(largest_difference(matmul(a, solve(a, b)).value(), b) < 1e-12);
    }
    const Tensor vector = normal({n}, 3);
    const Variable x = solve(a, vector);
    CHECK(x.shape() == Shape{n});
    CHECK(largest_difference(matmul(a, reshape(x, {n, 1})).value().reshaped({n}), vector) < 1e-12);
  }
  const Tensor a = normal({2, 3, 4, 4}, 4);
  const Tensor b = normal({2, 3, 4, 2}, 5);
  CHECK(largest_difference(matmul(a, solve(a, b)).value(), b) < 1e-12);
  CHECK(solve(f64({2, 2}, {2, 1, 0, 4}), f64({2}, {4, 8})).value().to_vector() == Values{1, 2});
}

TEST_CASE("inverse times the matrix is the identity") {
  for (const std::int64_t n : {1, 2, 30}) {
    const Tensor a = normal({n, n}, 6);
    CHECK(largest_difference(matmul(a, inverse(a)).value(), identity(n)) < 1e-10);
  }
  const Tensor stack = normal({3, 4, 4}, 7);
  CHECK(largest_difference(matmul(inverse(stack), stack).value(), broadcast_to(identity(4), {3, 4, 4}).value()) <
        1e-12);
  CHECK(inverse(f64({2, 2}, {0, 2, 4, 0})).value().to_vector() == Values{0, 0.25, 0.5, 0});
}

TEST_CASE("log_determinant is the logarithm of the determinant's size, whatever its sign") {
  CHECK(log_determinant(f64({2, 2}, {1, 2, 3, 4})).value().item() == Approx(std::log(2)));
  CHECK(log_determinant(f64({1, 1}, {5})).value().item() == Approx(std::log(5)));
  const Variable two = log_determinant(f64({2, 2, 2}, {2, 0, 0, 3, 0, 1, 1, 0}));
  CHECK(two.shape() == Shape{2});
  CHECK(two.value().at({0}) == Approx(std::log(6)));
  CHECK(two.value().at({1}) == 0);
  const Tensor large = (Variable(identity(400)) * 1e-3).value();
  CHECK(log_determinant(large).value().item() == Approx(400 * std::log(1e-3)));
}

TEST_CASE("cholesky is lower triangular, and times its transpose the matrix") {
  const Variable m = normal({5, 5}, 8);
  const Tensor a = (matmul(m, transpose(m)) + identity(5)).value();
  const Tensor y = cholesky(a).value();
  CHECK(largest_difference(matmul(y, transpose(y)).value(), a) < 1e-13);
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = i + 1; j < 5; ++j) CHECK(y.at({i, j}) == 0);
  }
  const Values lower_only = {4, 99, 2, 5};
  CHECK(cholesky(f64({2, 2}, lower_only)).value().to_vector() == Values{2, 0, 1, 2});
  CHECK(cholesky(f64({2, 1, 1}, {4, 9})).value().to_vector() == Values{2, 3});
}

TEST_CASE("solve works for both floating-point types") {
  const Variable x = solve(Tensor::of({2, 2}, {2, 1, 0, 4}), Tensor::of({2}, {4, 8}));
  CHECK(x.dtype() == DType::float32);
  CHECK(x.value().to_vector() == Values{1, 2});
}

TEST_CASE("solve accepts matrices without elements") {
  CHECK(solve(f64({0, 0}, {}), f64({0, 2}, {})).shape() == Shape{0, 2});
  CHECK(solve(identity(2), f64({2, 0}, {})).shape() == Shape{2, 0});
  CHECK(inverse(f64({0, 3, 3}, {})).shape() == Shape{0, 3, 3});
  CHECK(log_determinant(f64({0, 0}, {})).value().item() == 0);
}

TEST_CASE("the derivative of log_determinant is the transposed inverse") {
  ForwardPass pass(Mode::training);
  const Variable a = pass.watch(f64({2, 2}, {1, 2, 3, 4}));
  pass.backward(log_determinant(a));
  CHECK(largest_difference(pass.gradient(a), f64({2, 2}, {-2, 1.5, 1, -0.5})) < 1e-14);
}

TEST_CASE("the derivative of cholesky is symmetric") {
  ForwardPass pass(Mode::training);
  const Variable a = pass.watch(f64({2, 2}, {4, 2, 2, 5}));
  pass.backward(cholesky(a), normal({2, 2}, 9));
  CHECK(pass.gradient(a).at({0, 1}) == Approx(pass.gradient(a).at({1, 0})));
}

TEST_CASE("matrices that are not square, singular or not positive definite are errors") {
  const Tensor singular = f64({2, 2}, {1, 2, 2, 4});
  CHECK(error_of([] { inverse(Tensor::ones({2, 3})); }) == "inverse: expected square matrices (..., n, n), got (2, 3)");
  CHECK(error_of([] { cholesky(Tensor::ones({2})); }) == "cholesky: expected square matrices (..., n, n), got (2,)");
  CHECK(error_of([&] {
          solve(singular, f64({2}, {1, 2}));
        }) == "solve: expected invertible matrices, got one that is not (number 0 of shape (2, 2))");
  CHECK(error_of([&] {
          solve(singular, f64({3}, {1, 2, 3}));
        }) == "solve: expected (..., n, n) and (..., n, k), got (2, 2) and (3,)");
  CHECK(error_of([&] { solve(singular, Tensor::ones({2})); }) ==
        "solve: expected operands of one type, got float64 and float32; convert with .to()");
  CHECK_THROWS_AS(inverse(singular), Error);
  CHECK_THROWS_AS(log_determinant(singular), Error);
  CHECK_THROWS_AS(cholesky(f64({2, 2}, {1, 2, 2, 1})), Error);
}

}  // namespace
}  // namespace xtape
