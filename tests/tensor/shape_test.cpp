#include "framework/tensor/shape.hpp"

#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

TEST_CASE("a shape prints like NumPy's") {
  CHECK(to_string(Shape{}) == "()");
  CHECK(to_string(Shape{3}) == "(3,)");
  CHECK(to_string(Shape{2, 3, 4}) == "(2, 3, 4)");
}

TEST_CASE("a shape knows its extents from both ends and its number of elements") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape.size() == 24);
  CHECK(shape[-1] == 4);
  CHECK(shape[0] == 2);
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{2, 0, 3}.size() == 0);
  CHECK(shape.replaced(1, 7) == Shape{2, 7, 4});
  CHECK(shape.without(-1) == Shape{2, 3});
  CHECK(shape.prepended(9) == Shape{9, 2, 3, 4});
}

TEST_CASE("a shape rejects missing axes, negative extents, too many axes and sizes that overflow") {
  CHECK(error_of([] {
          static_cast<void>(Shape{2, 3}[2]);
        }) == "Shape: expected an axis in [-2, 2), got 2 for shape (2, 3)");
  CHECK(error_of([] { Shape{2, -1}; }) == "Shape: expected extents of 0 or more, got -1 for axis 1");
  CHECK(error_of([] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }) == "Shape: expected at most 8 axes, got 9");
  const std::int64_t large = std::int64_t{1} << 40;
  CHECK(error_of([&] {
          Shape{large, large};
        }) == "Shape: expected at most 2^62 elements, got (1099511627776, 1099511627776)");
  CHECK(error_of([&] {
          Shape{large, large, 0};
        }) == "Shape: expected at most 2^62 elements, got (1099511627776, 1099511627776, 0)");
}

TEST_CASE("an extent of 0 broadcasts with 1 only") {
  CHECK(broadcast_shapes("f", {2, 0}, {2, 1}) == Shape{2, 0});
  CHECK(broadcast_shapes("f", {1}, {0}) == Shape{0});
  CHECK(broadcast_shapes("f", {0, 3}, {1, 1, 3}) == Shape{1, 0, 3});
  CHECK_THROWS_AS(broadcast_shapes("f", {0}, {3}), Error);
  CHECK_THROWS_AS(broadcast_shapes("f", {3}, {0}), Error);
}

TEST_CASE("shapes broadcast as in NumPy") {
  CHECK(broadcast_shapes("f", {2, 1, 4}, {3, 1}) == Shape{2, 3, 4});
  CHECK(broadcast_shapes("f", {}, {5}) == Shape{5});
  CHECK(broadcast_shapes("f", {0, 1}, {1, 3}) == Shape{0, 3});
  CHECK(error_of([] {
          broadcast_shapes("add", {2, 3}, {2, 4});
        }) == "add: expected shapes that broadcast (axes equal or 1, counted from the last), got (2, 3) and (2, 4)");
}
