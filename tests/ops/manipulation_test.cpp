#include "framework/ops/manipulation.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "framework/autograd/forward_pass.hpp"
#include "tests/ops/values.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using test::values_of;
using Values = std::vector<double>;

/// A tensor with the values 0, 1, 2, ...
Tensor counted(const Shape& shape) {
  Values values(static_cast<std::size_t>(shape.size()));
  std::iota(values.begin(), values.end(), 0);
  return f64(shape, values);
}

TEST_CASE("reshape keeps the elements and shares their storage") {
  const Variable x = counted({2, 6});
  const Variable y = reshape(x, {3, -1});
  CHECK(y.shape() == Shape{3, 4});
  CHECK(values_of(y) == values_of(x));
  CHECK(y.value().shares_storage_with(x.value()));
  CHECK(reshape(x, Shape{12}).shape() == Shape{12});
  CHECK(error_of([&] {
          reshape(x, {5, -1});
        }) == "reshape: expected extents that divide the 12 elements of (2, 6), got (5, -1)");
  CHECK(error_of([&] { reshape(x, Shape{5}); }) ==
        "reshape: expected as many elements as (2, 6) has (12), got shape (5,)");
}

TEST_CASE("transpose permutes axes") {
  const Tensor x = counted({2, 3, 4});
  const Variable y = transpose(x, {2, 0, 1});
  CHECK(y.shape() == Shape{4, 2, 3});
  for (std::int64_t i = 0; i < 2; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      for (std::int64_t k = 0; k < 4; ++k) CHECK(y.value().at({k, i, j}) == x.at({i, j, k}));
    }
  }
  CHECK(transpose(x).shape() == Shape{4, 3, 2});
  CHECK(values_of(transpose(counted({2, 3}))) == Values{0, 3, 1, 4, 2, 5});
  CHECK(identical(transpose(transpose(x)).value(), x));
  CHECK(identical(transpose(x, {0, 1, -1}).value(), x));
}

TEST_CASE("transpose works for axes of extent 0 and 1 and for scalars") {
  CHECK(transpose(f64({0, 3}, {})).shape() == Shape{3, 0});
  CHECK(values_of(transpose(counted({1, 3}))) == Values{0, 1, 2});
  CHECK(values_of(transpose(counted({2, 1, 2}), {2, 1, 0})) == Values{0, 2, 1, 3});
  CHECK(transpose(f64({}, {5})).value().item() == 5);
}

TEST_CASE("invalid permutations are errors") {
  const Tensor x = counted({2, 3, 4});
  CHECK(error_of([&] { transpose(x, {0, 1}); }) == "transpose: expected each axis of (2, 3, 4) once, got (0, 1)");
  CHECK(error_of([&] { transpose(x, {0, 1, 1}); }) == "transpose: expected each axis of (2, 3, 4) once, got (0, 1, 1)");
  CHECK(error_of([&] {
          transpose(x, {0, 1, 3});
        }) == "transpose: expected an axis in [-3, 3) for shape (2, 3, 4), got 3");
}

TEST_CASE("concatenate joins along any axis, and each input gets its part of the gradient") {
  ForwardPass pass(Mode::training);
  const Variable a = pass.watch(f64({2, 1}, {1, 2}));
  const Variable b = pass.watch(f64({2, 2}, {3, 4, 5, 6}));
  const Variable none = pass.watch(f64({2, 0}, {}));
  const Variable y = concatenate({a, none, b}, -1);
  CHECK(y.shape() == Shape{2, 3});
  CHECK(values_of(y) == Values{1, 3, 4, 2, 5, 6});
  pass.backward(y, counted({2, 3}));
  CHECK(pass.gradient(a).to_vector() == Values{0, 3});
  CHECK(pass.gradient(b).to_vector() == Values{1, 2, 4, 5});
  CHECK(pass.gradient(none).shape() == Shape{2, 0});
  CHECK(values_of(concatenate({counted({1, 2}), counted({2, 2})}, 0)) == Values{0, 1, 0, 1, 2, 3});
}

TEST_CASE("inputs that cannot be concatenated are errors") {
  const Tensor x = counted({2, 3});
  CHECK(error_of([] { concatenate({}, 0); }) == "concatenate: expected at least one input, got none");
  CHECK(error_of([&] {
          concatenate({x, x}, 2);
        }) == "concatenate: expected an axis in [-2, 2) for shape (2, 3), got 2");
  CHECK(error_of([&] {
          concatenate({x, counted({3, 3})}, 1);
        }) == "concatenate: expected shapes that agree but for axis 1, got (2, 3) and (3, 3)");
  CHECK(error_of([&] {
          concatenate({x, Tensor::ones({2, 3})}, 0);
        }) == "concatenate: expected inputs of one type, got float64 and float32");
}

TEST_CASE("the gradient of an index is zero where nothing was taken") {
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(counted({2, 4}));
  pass.backward(v[{all(), {1, 4, 2}}], f64({2, 2}, {1, 2, 3, 4}));
  CHECK(pass.gradient(v).to_vector() == Values{0, 1, 0, 2, 0, 3, 0, 4});
}

TEST_CASE("widths near the limits of int64 are handled correctly") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Tensor x = counted({4, 5});
  CHECK(error_of([&] {
          pad(x, {{0, 0}, {1, most}});
        }) == "pad: expected widths below 2^60 for axis 1, got 1 and 9223372036854775807");
  CHECK(error_of([&] {
          pad(x, {{least, 0}, {0, 0}});
        }) == "pad: expected widths of 0 or more for axis 0, got -9223372036854775808 and 0; use x[...] to cut");
  CHECK(error_of([&] {
          pad(x, {{std::int64_t{1} << 60, 0}, {0, 0}});
        }) == "Shape: expected at most 2^62 elements, got (1152921504606846980, 5)");
}

TEST_CASE("stack and split are inverse") {
  const Tensor a = counted({2, 3}), b = f64({2, 3}, {6, 7, 8, 9, 10, 11});
  CHECK(identical(stack({a, b}), counted({2, 2, 3})));
  CHECK(values_of(stack({a, b}, -1)) == Values{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  CHECK(stack({a, b}, 1).shape() == Shape{2, 2, 3});
  const std::vector<Variable> parts = split(counted({2, 5}), {1, 0, 4}, 1);
  CHECK(values_of(parts[0]) == Values{0, 5});
  CHECK(parts[1].shape() == Shape{2, 0});
  CHECK(values_of(parts[2]) == Values{1, 2, 3, 4, 6, 7, 8, 9});
  CHECK(values_of(split(counted({4}), 2, 0)[1]) == Values{2, 3});
  CHECK(error_of([&] { stack({a, counted({2, 2})}); }) == "stack: expected inputs of one shape, got (2, 3) and (2, 2)");
  CHECK(error_of([&] { stack({}); }) == "stack: expected at least one input, got none");
  CHECK(error_of([&] {
          split(a, {2, 2}, 1);
        }) == "split: expected sizes of 0 or more with the sum 3, the extent of axis 1 of (2, 3), got (2, 2)");
  CHECK(error_of([&] {
          split(a, {4, -1}, 1);
        }) == "split: expected sizes of 0 or more with the sum 3, the extent of axis 1 of (2, 3), got (4, -1)");
  constexpr std::int64_t large = std::int64_t{1} << 62, least = std::numeric_limits<std::int64_t>::min();
  CHECK(error_of([&] { split(a, {large, large, large, large, 3}, 1); }) != "");  // their sum is 3 in 64 bits
  CHECK(error_of([&] { split(a, {least, least, 3}, 1); }) != "");
  CHECK(error_of([&] { split(a, 2, 1); }) ==
        "split: expected a number of parts that divides the extent 3 of axis 1 of (2, 3), got 2");
  CHECK(error_of([&] { split(a, 0, 1); }) ==
        "split: expected a number of parts that divides the extent 3 of axis 1 of (2, 3), got 0");
}

TEST_CASE("axes of extent 1 are added and removed") {
  const Variable x = counted({2, 3});
  CHECK(expand_dims(x, 0).shape() == Shape{1, 2, 3});
  CHECK(expand_dims(x, 2).shape() == Shape{2, 3, 1});
  CHECK(expand_dims(x, -1).shape() == Shape{2, 3, 1});
  CHECK(expand_dims(x, -3).shape() == Shape{1, 2, 3});
  CHECK(squeeze(counted({1, 2, 1, 3})).shape() == Shape{2, 3});
  CHECK(squeeze(counted({1, 2, 1, 3}), {2}).shape() == Shape{1, 2, 3});
  CHECK(squeeze(counted({1, 2, 1}), {-1, 0}).shape() == Shape{2});
  CHECK(error_of([&] { expand_dims(x, 3); }) == "expand_dims: expected an axis in [-3, 2] for shape (2, 3), got 3");
  CHECK(error_of([&] { squeeze(x, {0}); }) == "squeeze: expected axes of extent 1, got axis 0 of (2, 3)");
  CHECK(error_of([&] { squeeze(counted({1, 1}), {0, -2}); }) == "squeeze: expected each axis once, got (0, 0)");
}

TEST_CASE("arrays and elements are repeated, and axes are reversed") {
  const Variable x = counted({2, 3});
  CHECK(values_of(tile(x, {2, 1})) == Values{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
  CHECK(values_of(tile(x, {1, 2})) == Values{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(values_of(repeat(x, 2, 1)) == Values{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
  CHECK(values_of(repeat(x, 2, 0)) == Values{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(values_of(flip(x)) == Values{5, 4, 3, 2, 1, 0});
  CHECK(values_of(flip(x, {-1})) == Values{2, 1, 0, 5, 4, 3});
  CHECK(values_of(swapaxes(x, 0, 1)) == Values{0, 3, 1, 4, 2, 5});
  CHECK(swapaxes(counted({2, 3, 4, 5}), 1, -1).shape() == Shape{2, 5, 4, 3});
  CHECK(error_of([&] { tile(x, {2}); }) == "tile: expected one number of repetitions for each axis of (2, 3), got 1");
  CHECK(error_of([&] { tile(x, {2, 0}); }) == "tile: expected 1 repetition or more for axis 1, got 0");
  CHECK(error_of([&] { repeat(x, 0, 1); }) == "repeat: expected 1 repetition or more, got 0");
}

TEST_CASE("take gathers along an axis, and its gradient adds up what was taken several times") {
  const Tensor table = counted({4, 2});
  const Tensor tokens = Tensor::of({2, 2}, {3, 0, -1, 3}, DType::int64);
  CHECK(take(table, tokens, 0).shape() == Shape{2, 2, 2});
  CHECK(values_of(take(table, tokens, 0)) == Values{6, 7, 0, 1, 6, 7, 6, 7});
  CHECK(values_of(take(table, Tensor::labels({1, 1, 0}), -1)) == Values{1, 1, 0, 3, 3, 2, 5, 5, 4, 7, 7, 6});
  CHECK(take(table, Tensor::scalar(2, DType::int64), 0).shape() == Shape{2});
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(table);
  pass.backward(take(v, tokens, 0), f64({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK(pass.gradient(v).to_vector() == Values{3, 4, 0, 0, 0, 0, 13, 16});
  CHECK(error_of([&] { take(table, Tensor::labels({4}), 0); }) ==
        "take: expected indices in [-4, 4) for axis 0 of (4, 2), got 4");
  CHECK(error_of([&] { take(table, f64({1}, {0}), 0); }) == "take: expected int64 indices, got float64 (1,)");
}

TEST_CASE("the gradient of rows that are taken often is rounded once") {
  // 1 + 2^-24 + ... in float32 would stay 1
  const std::int64_t n = 1000;
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(Tensor::zeros({1, 1}));
  Tensor dy = Tensor::full({n, 1}, std::ldexp(1.0, -24));
  dy.mutable_data<float>()[0] = 1;
  pass.backward(take(v, Tensor::zeros({n}, DType::int64), 0), dy);
  CHECK(pass.gradient(v).item() == static_cast<double>(static_cast<float>(1 + 999 * std::ldexp(1.0, -24))));
}

TEST_CASE("one_hot marks the column of each index") {
  CHECK(one_hot(Tensor::labels({2, 0}), 3).to_vector() == Values{0, 0, 1, 1, 0, 0});
  CHECK(one_hot(Tensor::labels({0}), 2).dtype() == DType::float32);
  const Tensor y = one_hot(Tensor::of({1, 2}, {1, 1}, DType::int64), 2, DType::float64);
  CHECK(y.shape() == Shape{1, 2, 2});
  CHECK(y.dtype() == DType::float64);
  CHECK(error_of([] { one_hot(Tensor::labels({0, 3}), 3); }) == "one_hot: expected indices in [0, 3), got 3");
  CHECK(error_of([] { one_hot(Tensor::labels({-1}), 3); }) == "one_hot: expected indices in [0, 3), got -1");
  CHECK(error_of([] { one_hot(Tensor::zeros({1}), 3); }) == "one_hot: expected int64 indices, got float32 (1,)");
  CHECK(error_of([] { one_hot(Tensor::labels({}), 0); }) == "one_hot: expected 1 class or more, got 0");
}

TEST_CASE("pad puts a value around an array, and its gradient is the part inside") {
  ForwardPass pass(Mode::training);
  const Variable x = pass.watch(f64({2, 2}, {1, 2, 3, 4}));
  const Variable y = pad(x, {{1, 0}, {0, 2}}, 9);
  CHECK(y.shape() == Shape{3, 4});
  CHECK(values_of(y) == Values{9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9});
  pass.backward(y, counted({3, 4}));
  CHECK(pass.gradient(x).to_vector() == Values{4, 5, 8, 9});
  CHECK(values_of(pad(f64({0}, {}), {{1, 1}})) == Values{0, 0});
  CHECK(error_of([&] { pad(x, {{1, 1}}); }) == "pad: expected one pair of widths for each axis of (2, 2), got 1");
  CHECK(error_of([&] {
          pad(x, {{1, 1}, {-1, 0}});
        }) == "pad: expected widths of 0 or more for axis 1, got -1 and 0; use x[...] to cut");
}

TEST_CASE("elements of any type can be moved") {
  const Tensor labels = Tensor::labels({1, 2, 3, 4});
  CHECK(values_of(Variable(labels)[{{1, 3}}]) == Values{2, 3});
  CHECK(concatenate({labels, labels}, 0).dtype() == DType::int64);
}

}  // namespace
}  // namespace xtape
