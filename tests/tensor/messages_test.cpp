// The whole messages about invalid tensors, shapes and indices, and the values next to the limits of their checks.
#include <cmath>

#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/index.hpp"
#include "framework/tensor/tensor.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
using namespace test;

TEST_CASE("functions of an undefined tensor say so, with their names") {
  const Tensor none, one = Tensor::ones({1});
  const std::string undefined = ": expected an array, got an undefined tensor (was it moved from, or never assigned?)";
  Tensor target;
  check_messages({
      {"Tensor::at" + undefined, [&] { none.at({}); }},
      {"index" + undefined, [&] { none[0]; }},
      {"reshape" + undefined, [&] { none.reshaped(Shape{}); }},
      {"reshape" + undefined, [&] { none.reshaped({-1}); }},
      {"Tensor" + undefined, [&] { none.data<float>(); }},
      {"relu" + undefined, [&] { map("relu", none, [](auto v) { return v; }); }},
      {"Tensor::item: expected one element, got shape undefined", [&] { none.item(); }},
      {"Tensor::rows: expected a tensor with at least one axis, got shape undefined", [&] { none.rows(0, 0); }},
      {"Tensor::assign: expected two arrays, got shapes undefined and (1,)", [&] { target.assign({0}, one); }},
      {"Tensor::assign: expected two arrays, got shapes (1,) and undefined", [&] { Tensor(one).assign({0}, none); }},
  });
}

TEST_CASE("invalid arguments of tensors and shapes are errors with the values that were given") {
  const Tensor x = Tensor::ones({2, 3});
  Tensor sum = Tensor::ones({2, 3});
  const std::int64_t large = std::int64_t{1} << 40, most = std::int64_t{1} << 62;
  check_messages({
      {"add_into: expected two tensors alike, got (2, 3) float32 and (3, 2) float32",
       [&] {
         add_into(sum, Tensor::ones({3, 2}));
       }},
      {"add_into: expected two tensors alike, got (2, 3) float32 and (2, 3) float64",
       [&] { add_into(sum, x.to(DType::float64)); }},
      {"Tensor: expected memory for (35184372088832, 2) of float64 (562950.0 GB), got none from the system",
       [] {
         Tensor::zeros({std::int64_t{1} << 45, 2}, DType::float64);
       }},
      {"Tensor: expected values that fit uint8, got 256", [] { Tensor::full({1}, 256, DType::uint8); }},
      {"Tensor: expected values that fit uint8, got -1", [] { Tensor::full({1}, -1, DType::uint8); }},
      {"Tensor: expected values that fit int64, got nan", [] { Tensor::full({1}, std::nan(""), DType::int64); }},
      {"Tensor: expected values that fit int64, got 9.223372036854776e+18",
       [] { Tensor::full({1}, 0x1p63, DType::int64); }},
      {"Tensor::of: expected 6 values for shape (2, 3), got 5",
       [] {
         Tensor::of({2, 3}, {1, 2, 3, 4, 5});
       }},
      {"Tensor::arange: expected finite numbers and a step other than 0, got (1, 2, 0)",
       [] { Tensor::arange(1, 2, 0); }},
      {"Tensor::arange: expected finite numbers and a step other than 0, got (1, inf, 3)",
       [] { Tensor::arange(1, infinite, 3); }},
      {"Tensor::arange: expected finite numbers and a step other than 0, got (-inf, 1, 3)",
       [] { Tensor::arange(-infinite, 1, 3); }},
      {"Tensor::arange: expected finite numbers and a step other than 0, got (1, 2, nan)",
       [] { Tensor::arange(1, 2, std::nan("")); }},
      {"Tensor::arange: expected less than 2^62 numbers, got 4.611686018427388e+18",
       [] { Tensor::arange(0, 0x1p62, 1); }},
      {"Tensor: expected memory for (1152921504606846976,) of float64 (9223372036.9 GB), got none from the system",
       [] { Tensor::linspace(0, 1, std::int64_t{1} << 60); }},
      {"Tensor: expected memory for (1152921504606846976,) of float64 (9223372036.9 GB), got none from the system",
       [] { Tensor::arange(0, 0x1p60); }},
      {"Tensor::linspace: expected a count of 0 or more, got -1", [] { Tensor::linspace(0, 1, -1); }},
      {"Tensor::eye: expected 0 rows or more, got -1", [] { Tensor::eye(-1); }},
      {"Tensor::item: expected one element, got shape (2, 3)", [&] { x.item(); }},
      {"Tensor::at: expected 2 indices for shape (2, 3), got 1", [&] { x.at({1}); }},
      {"Tensor::at: expected an index in [0, 3) for axis 1 of (2, 3), got 3",
       [&] {
         x.at({1, 3});
       }},
      {"Tensor::at: expected an index in [0, 2) for axis 0 of (2, 3), got -1",
       [&] {
         x.at({-1, 0});
       }},
      {"Tensor::assign: expected values of float32, got int64; convert with .to()",
       [&] { Tensor(x).assign({0}, Tensor::labels({1})); }},
      {"reshape: expected as many elements as (2, 3) has (6), got shape (7,)", [&] { x.reshaped(Shape{7}); }},
      {"reshape: expected extents of 0 or more, one of which may be -1, got (-2, 3)",
       [&] {
         x.reshaped({-2, 3});
       }},
      {"reshape: expected extents that divide the 6 elements of (2, 3), got (4, -1)",
       [&] {
         x.reshaped({4, -1});
       }},
      {"reshape: expected extents that divide the 6 elements of (2, 3), got (0, -1)",
       [&] {
         x.reshaped({0, -1});
       }},
      {"Tensor::rows: expected a tensor with at least one axis, got shape ()", [] { Tensor::scalar(1).rows(0, 1); }},
      {"Tensor::rows: expected 0 <= begin <= end <= 2, the first extent of (2, 3), got [2, 1)", [&] { x.rows(2, 1); }},
      {"Tensor::rows: expected 0 <= begin <= end <= 2, the first extent of (2, 3), got [-1, 1)",
       [&] { x.rows(-1, 1); }},
      {"Tensor: expected elements of float64, got float32 of shape (2, 3); convert with .to()",
       [&] { x.data<double>(); }},
      {"Shape: expected at most 8 axes, got 9", [] { Shape(std::vector<std::int64_t>(9, 1)); }},
      {"Shape: expected extents of 0 or more, got -1 for axis 1",
       [] {
         Shape{2, -1};
       }},
      {"Shape: expected at most 2^62 elements, got (1099511627776, 1099511627776, 0)",
       [&] {
         Shape{large, large, 0};
       }},
      {"Shape: expected at most 2^62 elements, got (4611686018427387905)", [&] { Shape{most + 1}; }},
      {"Shape: expected an array with at least one axis, got shape ()", [] { static_cast<void>(Shape{}[0]); }},
      {"Shape: expected an axis in [-2, 2), got 2 for shape (2, 3)", [&] { x.dim(2); }},
      {"Shape: expected an axis in [-2, 2), got -3 for shape (2, 3)", [&] { x.dim(-3); }},
      {"add: expected shapes that broadcast (axes equal or 1, counted from the last), got (2, 3) and (2, 4)",
       [] {
         broadcast_shapes("add", {2, 3}, {2, 4});
       }},
      {"index: expected a step other than 0 for axis 1 of (2, 3), got 0",
       [&] {
         x[{all(), Slice{.step = 0}}];
       }},
      {"index: expected a result of at most 8 axes, got more; use fewer newaxis()",
       [&] { x[std::vector<Index>(7, newaxis())]; }},
      {"index: expected an index in [-3, 3) for axis 1 of (2, 3), got 3",
       [&] {
         x[{all(), 3}];
       }},
  });
}

TEST_CASE("tensors and shapes accept the values at the limits of their checks") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK(Tensor::full({1}, 255, DType::uint8).item() == 255);
  CHECK(Tensor::full({1}, 0, DType::uint8).item() == 0);
  CHECK(Tensor::full({1}, -0x1p63, DType::int64).item() == -0x1p63);
  CHECK(Tensor::full({1}, std::nextafter(0x1p63, 0), DType::int64).item() == std::nextafter(0x1p63, 0));
  CHECK(Tensor::arange(1, 1, 1).size() == 0);
  CHECK(Tensor::arange(1, 0, 1).size() == 0);
  CHECK(Tensor::arange(3, 0, -1).to_vector() == std::vector<double>{3, 2, 1});
  CHECK(Tensor::linspace(2, 3, 0).size() == 0);
  CHECK(Tensor::linspace(2, 3, 1).to_vector() == std::vector<double>{2});
  CHECK(Tensor::eye(0).shape() == Shape{0, 0});
  CHECK(x.rows(2, 2).shape() == Shape{0, 3});
  CHECK(x.rows(0, 2).shape() == Shape{2, 3});
  CHECK(x.reshaped({6, -1}).shape() == Shape{6, 1});
  CHECK(Shape(std::vector<std::int64_t>(8, 1)).rank() == 8);
  CHECK(Shape{std::int64_t{1} << 62}.size() == std::int64_t{1} << 62);
  CHECK(x[std::vector<Index>(6, newaxis())].rank() == 8);
  CHECK((x.dim(-2) == 2 && x.dim(1) == 3));
}

}  // namespace xtape
