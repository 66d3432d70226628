#include "framework/ops/matmul.hpp"

#include "framework/autograd/forward_pass.hpp"
#include "framework/kernels/threads/parallel.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/random.hpp"
#include "tests/ops/values.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::largest_difference;
using test::normal;
using Values = std::vector<double>;

/// The product as a triple loop, for stacks of one axis.
Tensor stacked_product(const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::zeros({a.dim(0), a.dim(1), b.dim(2)}, DType::float64);
  double* out = y.mutable_data<double>();
  for (std::int64_t s = 0; s < a.dim(0); ++s) {
    for (std::int64_t i = 0; i < a.dim(1); ++i) {
      for (std::int64_t j = 0; j < b.dim(2); ++j, ++out) {
        for (std::int64_t k = 0; k < a.dim(2); ++k) *out += a.at({s, i, k}) * b.at({s, k, j});
      }
    }
  }
  return y;
}

TEST_CASE("matmul multiplies two matrices") {
  const Tensor a = f64({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = f64({3, 2}, {1, 0, 2, 1, 0, 3});
  CHECK(matmul(a, b).shape() == Shape{2, 2});
  CHECK(matmul(a, b).value().to_vector() == Values{5, 11, 14, 23});
}

TEST_CASE("matmul of stacks agrees with a triple loop, broadcast or not") {
  for (const std::int64_t stack : {2, 20}) {
    const Tensor a = normal({stack, 5, 4}, 1);
    const Tensor b = normal({stack, 4, 3}, 2);
    CHECK(largest_difference(matmul(a, b).value(), stacked_product(a, b)) < 1e-14);
    const Tensor one = normal({4, 3}, 3);
    const Tensor repeated = broadcast_to(one, {stack, 4, 3}).value();
    CHECK(largest_difference(matmul(a, one).value(), stacked_product(a, repeated)) < 1e-14);
    const Tensor left = normal({5, 4}, 4);
    const Tensor left_repeated = broadcast_to(left, {stack, 5, 4}).value();
    CHECK(largest_difference(matmul(left, b).value(), stacked_product(left_repeated, b)) < 1e-14);
  }
  const Tensor a = normal({2, 1, 2, 3}, 5);
  const Tensor b = normal({4, 3, 2}, 6);
  const Tensor wide_a = broadcast_to(a, {2, 4, 2, 3}).value().reshaped({8, 2, 3});
  const Tensor wide_b = broadcast_to(b, {2, 4, 3, 2}).value().reshaped({8, 3, 2});
  CHECK(matmul(a, b).shape() == Shape{2, 4, 2, 2});
  CHECK(largest_difference(matmul(a, b).value().reshaped({8, 2, 2}), stacked_product(wide_a, wide_b)) < 1e-14);
}

TEST_CASE("matmul accepts axes without elements") {
  CHECK(matmul(f64({2, 0}, {}), f64({0, 2}, {})).value().to_vector() == Values{0, 0, 0, 0});
  CHECK(matmul(f64({0, 2}, {}), f64({2, 3}, {1, 2, 3, 4, 5, 6})).shape() == Shape{0, 3});
  CHECK(matmul(f64({0, 2, 3}, {}), f64({0, 3, 2}, {})).shape() == Shape{0, 2, 2});
  CHECK(matmul(f64({0, 2, 3}, {}), normal({3, 2}, 1)).shape() == Shape{0, 2, 2});
}

TEST_CASE("shapes that cannot be multiplied are errors") {
  CHECK(error_of([] {
          matmul(f64({2}, {1, 2}), f64({2, 1}, {1, 2}));
        }) == "matmul: expected arrays of 2 axes or more, got (2,) and (2, 1); reshape a vector to (1, k) or (k, 1)");
  CHECK(error_of([] {
          matmul(Tensor::ones({2, 3}), Tensor::ones({2, 3}));
        }) == "matmul: expected (..., m, k) and (..., k, n), got (2, 3) and (2, 3)");
  CHECK(error_of([] {
          matmul(Tensor::ones({1, 2}), f64({2, 1}, {1, 2}));
        }) == "matmul: expected matrices of one type, got float32 and float64; convert with .to()");
  CHECK(error_of([] {
          matmul(Tensor::ones({2, 1, 2}), Tensor::ones({3, 2, 1}));
        }) == "matmul: expected shapes that broadcast (axes equal or 1, counted from the last), got (2,) and (3,)");
}

TEST_CASE("matmul has the derivatives dy bT and aT dy") {
  ForwardPass pass(Mode::training);
  const Variable a = pass.watch(f64({1, 2}, {1, 2}));
  const Variable b = pass.watch(f64({2, 2}, {3, 4, 5, 6}));
  pass.backward(matmul(a, b), f64({1, 2}, {1, 10}));
  CHECK(pass.gradient(a).to_vector() == Values{43, 65});
  CHECK(pass.gradient(b).to_vector() == Values{1, 10, 2, 20});
}

TEST_CASE("matmul gives a broadcast operand the sum of its gradients") {
  const Tensor a = normal({3, 2, 4}, 7);
  const Tensor b = normal({4, 5}, 8);
  const Tensor dy = normal({3, 2, 5}, 9);
  ForwardPass pass(Mode::training);
  const Variable va = pass.watch(a);
  const Variable vb = pass.watch(b);
  pass.backward(matmul(va, vb), dy);
  ForwardPass repeated(Mode::training);
  const Variable wa = repeated.watch(a);
  const Variable wb = repeated.watch(b);
  repeated.backward(matmul(wa, broadcast_to(wb, {3, 4, 5})), dy);
  CHECK(largest_difference(pass.gradient(va), repeated.gradient(wa)) < 1e-14);
  CHECK(largest_difference(pass.gradient(vb), repeated.gradient(wb)) < 1e-14);
}

TEST_CASE("matmul is the same to the bit for any number of threads") {
  const Tensor a = RandomStream(1).normal({12, 70, 90});
  const Tensor b = RandomStream(2).normal({12, 90, 110});
  const test::KernelSettings restored;
  kernels::set_num_threads(1);
  const Tensor one = matmul(a, b).value();
  kernels::set_num_threads(3);
  CHECK(identical(matmul(a, b).value(), one));
}

}  // namespace
}  // namespace xtape
