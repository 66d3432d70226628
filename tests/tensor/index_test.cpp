// Indexing, compared with the definition: Python's range of each axis.
#include <limits>
#include <numeric>

#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;
using Values = std::vector<double>;

Tensor counted(const Shape& shape) { return Tensor::arange(0, static_cast<double>(shape.size())).reshaped(shape); }

/// The positions of Python's slice(begin, end, step).indices(extent), by the definition in its documentation.
std::vector<std::int64_t> positions(const Slice& slice, std::int64_t extent) {
  const auto clamped = [&](std::int64_t i, std::int64_t low, std::int64_t high) {
    if (i < 0) i += extent;
    return std::min(std::max(i, low), high);
  };
  std::vector<std::int64_t> found;
  if (slice.step > 0) {
    const std::int64_t begin = slice.begin ? clamped(*slice.begin, 0, extent) : 0;
    const std::int64_t end = slice.end ? clamped(*slice.end, 0, extent) : extent;
    for (std::int64_t i = begin; i < end; i += slice.step) found.push_back(i);
  } else {
    const std::int64_t begin = slice.begin ? clamped(*slice.begin, -1, extent - 1) : extent - 1;
    const std::int64_t end = slice.end ? clamped(*slice.end, -1, extent - 1) : -1;
    for (std::int64_t i = begin; i > end; i += slice.step) found.push_back(i);
  }
  return found;
}

TEST_CASE("every slice of a short axis selects the positions that Python selects") {
  for (std::int64_t extent = 0; extent <= 4; ++extent) {
    const Tensor x = counted({extent});
    for (std::int64_t begin = -6; begin <= 7; ++begin) {
      for (std::int64_t end = -6; end <= 7; ++end) {
        for (const std::int64_t step : {-3, -2, -1, 1, 2, 3}) {
          Slice slice{begin, end, step};
          if (begin == 7) slice.begin.reset();
          if (end == 7) slice.end.reset();
          Values expected;
          for (const std::int64_t i : positions(slice, extent)) expected.push_back(static_cast<double>(i));
          INFO(extent << ": " << begin << ":" << end << ":" << step);
          CHECK(x[{slice}].to_vector() == expected);
        }
      }
    }
  }
}

TEST_CASE("numbers remove axes, new axes are inserted, and an ellipsis fills the rest") {
  const Tensor x = counted({2, 3, 4});
  CHECK(x[1].shape() == Shape{3, 4});
  CHECK(x[-1].to_vector() == x.rows(1, 2).to_vector());
  CHECK(x[{1, 2, 3}].item() == 23);
  CHECK(x[{1, 2, 3}].shape() == Shape{});
  CHECK(x[{all(), 0}].to_vector() == Values{0, 1, 2, 3, 12, 13, 14, 15});
  CHECK(x[{ellipsis(), 0}].to_vector() == Values{0, 4, 8, 12, 16, 20});
  CHECK(x[{0, ellipsis(), -1}].to_vector() == Values{3, 7, 11});
  CHECK(x[{ellipsis()}].shape() == x.shape());
  CHECK(x[{0, 0, 0, ellipsis()}].item() == 0);
  CHECK(x[{newaxis(), 1, all(), newaxis()}].shape() == Shape{1, 3, 1, 4});
  CHECK(x[{{0, 2}, {1, 3}, {0, 4, 3}}].to_vector() == Values{4, 7, 8, 11, 16, 19, 20, 23});
  CHECK(x[{all(), Slice{.step = -1}, Slice{.step = -3}}].to_vector() ==
        Values{11, 8, 7, 4, 3, 0, 23, 20, 19, 16, 15, 12});
  CHECK(x[{all(), all(), {2, 2}}].shape() == Shape{2, 3, 0});
  CHECK(x[{Index(1)}].to_vector() == x[1].to_vector());
  CHECK(Tensor::labels({5, 6})[1].dtype() == DType::int64);
  CHECK_FALSE(x[{ellipsis()}].shares_storage_with(x));
}

TEST_CASE("invalid indices are rejected") {
  const Tensor x = counted({2, 3});
  CHECK(error_of([&] { x[2]; }) == "index: expected an index in [-2, 2) for axis 0 of (2, 3), got 2");
  CHECK(error_of([&] { x[{all(), -4}]; }) == "index: expected an index in [-3, 3) for axis 1 of (2, 3), got -4");
  CHECK(error_of([&] { x[{0, 0, 0}]; }) == "index: expected at most 2 indices for shape (2, 3), got 3");
  CHECK(error_of([&] { x[{Slice{.step = 0}}]; }) == "index: expected a step other than 0 for axis 0 of (2, 3), got 0");
  CHECK(error_of([&] { x[{ellipsis(), ellipsis()}]; }) == "index: expected at most one ellipsis(), got several");
  CHECK(error_of([&] { x[std::vector<Index>(9, newaxis())]; }) ==
        "index: expected a result of at most 8 axes, got more; use fewer newaxis()");
  CHECK(error_of([] { Tensor()[0]; }) ==
        "index: expected an array, got an undefined tensor (was it moved from, or never assigned?)");
  CHECK(error_of([] { Tensor::scalar(1)[0]; }) == "index: expected at most 0 indices for shape (), got 1");
}

TEST_CASE("indices near the limits of int64 are handled correctly") {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Tensor x = counted({3});
  CHECK(x[{{least, most}}].to_vector() == Values{0, 1, 2});
  CHECK(x[{{1, most, most}}].to_vector() == Values{1});
  CHECK(x[{{most, least, least}}].to_vector() == Values{2});
  CHECK(x[{{most, least, -1}}].to_vector() == Values{2, 1, 0});
  CHECK(error_of([&] { x[least]; }) ==
        "index: expected an index in [-3, 3) for axis 0 of (3,), got -9223372036854775808");
}

TEST_CASE("assign writes the indexed elements, with broadcasting, and no others") {
  Tensor x = Tensor::zeros({2, 3});
  const Tensor before = x;
  x.assign({1}, Tensor::of({3}, {1, 2, 3}));
  CHECK(x.to_vector() == Values{0, 0, 0, 1, 2, 3});
  CHECK(before.to_vector() == Values(6, 0));
  x.assign({all(), {0, 3, 2}}, Tensor::of({2, 1}, {7, 8}));
  CHECK(x.to_vector() == Values{7, 0, 7, 8, 2, 8});
  x.assign({ellipsis(), Slice{.step = -1}}, Tensor::of({3}, {1, 2, 3}));
  CHECK(x.to_vector() == Values{3, 2, 1, 3, 2, 1});
  x.assign({0, 1}, -1);
  CHECK(x.at({0, 1}) == -1);
  CHECK(error_of([&] { x.assign({0}, Tensor::zeros({2})); }) ==
        "Tensor::assign: expected a shape that broadcasts to (3,), got (2,)");
  CHECK(error_of([&] {
          x.assign({0}, Tensor::zeros({1, 3}));
        }) == "Tensor::assign: expected a shape that broadcasts to (3,), got (1, 3)");
  CHECK(error_of([&] { x.assign({0}, Tensor::labels({1})); }) ==
        "Tensor::assign: expected values of float32, got int64; convert with .to()");
}

}  // namespace
}  // namespace xtape
