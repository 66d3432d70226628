#include "framework/ops/manipulation.hpp"

#include <limits>
#include <numeric>

#include "framework/autograd/forward_pass.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using test::f64;
using Values = std::vector<double>;

/// 0, 1, 2, ... in the shape.
Tensor counted(const Shape& shape) {
  Values values(static_cast<std::size_t>(shape.size()));
  std::iota(values.begin(), values.end(), 0);
  return f64(shape, values);
}

Values values_of(const Variable& x) { return x.value().to_vector(); }

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

TEST_CASE("permutations that are none are errors") {
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

TEST_CASE("inputs that do not join are errors") {
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

TEST_CASE("slice takes ranges with steps, and its gradient is zero elsewhere") {
  const Tensor x = counted({4, 5});
  CHECK(values_of(slice(x, {1, 2}, {3, 4})) == Values{7, 8, 12, 13});
  CHECK(values_of(slice(x, {0, 0}, {4, 5}, {3, 2})) == Values{0, 2, 4, 15, 17, 19});
  CHECK(values_of(slice(x, {-1, -3}, {4, -1})) == Values{17, 18});
  CHECK(slice(x, {2, 0}, {2, 5}).shape() == Shape{0, 5});
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(counted({2, 4}));
  pass.backward(slice(v, {0, 1}, {2, 4}, {1, 2}), f64({2, 2}, {1, 2, 3, 4}));
  CHECK(pass.gradient(v).to_vector() == Values{0, 1, 0, 2, 0, 3, 0, 4});
}

TEST_CASE("ranges outside the array are errors") {
  const Tensor x = counted({4, 5});
  CHECK(error_of([&] { slice(x, {0}, {1}); }) ==
        "slice: expected one begin, end and step for each axis of (4, 5), got 1, 1 and 2");
  CHECK(error_of([&] {
          slice(x, {0, 0}, {4, 6});
        }) == "slice: expected 0 <= begin <= end <= 5 for axis 1 of (4, 5), got [0, 6)");
  CHECK(error_of([&] {
          slice(x, {3, 0}, {2, 5});
        }) == "slice: expected 0 <= begin <= end <= 4 for axis 0 of (4, 5), got [3, 2)");
  CHECK(error_of([&] { slice(x, {0, 0}, {4, 5}, {1, 0}); }) == "slice: expected a step of 1 or more for axis 1, got 0");
}

TEST_CASE("ranges and widths at the ends of int64 are taken at their word") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Tensor x = counted({4, 5});
  CHECK(values_of(slice(x, {1, 0}, {4, 5}, {most, most})) == Values{5});
  CHECK(slice(x, {2, 0}, {2, 5}, {most, 1}).shape() == Shape{0, 5});
  ForwardPass pass(Mode::training);
  const Variable v = pass.watch(counted({3}));
  pass.backward(slice(v, {1}, {3}, {most}), f64({1}, {7}));
  CHECK(pass.gradient(v).to_vector() == Values{0, 7, 0});
  CHECK_THAT(
      error_of([&] {
        slice(x, {least, 0}, {4, 5});
      }),
      Catch::Contains("slice: expected 0 <= begin <= end <= 4 for axis 0 of (4, 5), got [-9223372036854775808, 4)"));
  CHECK_THAT(error_of([&] { slice(x, {0, 0}, {4, most}); }), Catch::Contains("got [0, 9223372036854775807)"));
  CHECK_THAT(error_of([&] {
               slice(x, {0, 0}, {4, 5}, {1, least});
             }),
             Catch::Contains("a step of 1 or more for axis 1"));
  CHECK(error_of([&] {
          pad(x, {{0, 0}, {1, most}});
        }) == "pad: expected widths below 2^60 for axis 1, got 1 and 9223372036854775807");
  CHECK_THAT(error_of([&] { pad(x, {{least, 0}, {0, 0}}); }), Catch::Contains("pad: expected widths of 0 or more"));
  CHECK_THAT(error_of([&] {
               pad(x, {{std::int64_t{1} << 60, 0}, {0, 0}});
             }),
             Catch::Contains("fewer than 2^62 elements"));
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
        }) == "pad: expected widths of 0 or more for axis 1, got -1 and 0; use slice() to cut");
}

TEST_CASE("elements of any type can be moved") {
  const Tensor labels = Tensor::labels({1, 2, 3, 4});
  CHECK(values_of(slice(labels, {1}, {3})) == Values{2, 3});
  CHECK(concatenate({labels, labels}, 0).dtype() == DType::int64);
}

}  // namespace
}  // namespace xtape
