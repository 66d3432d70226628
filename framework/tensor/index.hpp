// Indexing as in NumPy: what x[2], x[{0, all(), {1, 4}}] and x[{ellipsis(), 0}] choose. The names are xtensor's.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace xtape {

class Shape;

/// The elements begin, begin + step, ... before end along an axis. Negative begin and end count from the end of the
/// axis; a missing one is the end of the axis on that side; what lies outside of the axis is left out, as in NumPy. A
/// negative step walks backwards: Slice{.step = -1} reverses the axis.
struct Slice {
  std::optional<std::int64_t> begin = std::nullopt, end = std::nullopt;
  std::int64_t step = 1;
};

/// As many whole axes as are needed to fill up the indices: NumPy's "...".
struct Ellipsis {};
/// A new axis of extent 1: NumPy's newaxis.
struct NewAxis {};

/// A whole axis: NumPy's ":".
constexpr Slice all() { return {}; }
constexpr Ellipsis ellipsis() { return {}; }
constexpr NewAxis newaxis() { return {}; }

/// One entry between the brackets: a number, which takes its axis away, a slice, ellipsis() or newaxis(). {1, 4} and
/// {1, 4, 2} are slices: NumPy's 1:4 and 1:4:2.
class Index {
 public:
  Index(std::integral auto position)  // NOLINT(google-explicit-constructor): x[{0, all()}]
      : value_(static_cast<std::int64_t>(position)) {}
  Index(Slice slice) : value_(slice) {}     // NOLINT(google-explicit-constructor)
  Index(Ellipsis value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  Index(NewAxis value) : value_(value) {}   // NOLINT(google-explicit-constructor)
  Index(std::int64_t begin, std::int64_t end, std::int64_t step = 1) : value_(Slice{begin, end, step}) {}

  using Value = std::variant<std::int64_t, Slice, Ellipsis, NewAxis>;
  const Value& value() const { return value_; }

 private:
  Value value_;
};

struct StridedView;

/// The elements that the indices choose from an array of this shape; axes without an index are whole. Error when a
/// number is out of range, a step is 0, there are more indices than axes or several ellipses.
StridedView indexed_view(const Shape& shape, std::span<const Index> indices);

}  // namespace xtape
