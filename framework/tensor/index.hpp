// Indexing as in NumPy: x[2], x[{0, all(), {1, 4}}], x[{ellipsis(), 0}]. The names are those of xtensor.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace xtape {

class Shape;

/// The elements begin, begin + step, ... before end along an axis. Negative begin and end count from the end of the
/// axis. A missing begin or end stands for the end of the axis on that side. As in NumPy, positions outside of the axis
/// are ignored. A negative step runs backwards: Slice{.step = -1} reverses the axis.
struct Slice {
  std::optional<std::int64_t> begin = std::nullopt;  ///< first position
  std::optional<std::int64_t> end = std::nullopt;    ///< position before which the slice stops
  std::int64_t step = 1;                             ///< distance of the positions; not 0
};

/// The number of positions begin, begin + step, ... before end, or, for a negative step, behind it. The step is not 0.
std::int64_t positions_between(std::int64_t begin, std::int64_t end, std::int64_t step);

/// Stands for all axes that the other indices do not mention: NumPy's "...".
struct Ellipsis {};
/// A new axis of extent 1: NumPy's newaxis.
struct NewAxis {};

/// A whole axis: NumPy's ":".
constexpr Slice all() { return {}; }
/// All axes that the other indices do not mention: NumPy's "...".
constexpr Ellipsis ellipsis() { return {}; }
/// A new axis of extent 1: NumPy's newaxis.
constexpr NewAxis newaxis() { return {}; }

/// One entry between the brackets: a number, which removes its axis, a slice, ellipsis() or newaxis(). {1, 4} and
/// {1, 4, 2} are slices: NumPy's 1:4 and 1:4:2.
class Index {
 public:
  /// The element at this position. Negative positions count from the end of the axis.
  Index(std::integral auto position)  // NOLINT(google-explicit-constructor): x[{0, all()}]
      : value_(static_cast<std::int64_t>(position)) {}
  /// The elements of a slice.
  Index(Slice slice) : value_(slice) {}  // NOLINT(google-explicit-constructor)
  /// All axes that the other indices do not mention.
  Index(Ellipsis value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  /// A new axis of extent 1.
  Index(NewAxis value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  /// The slice begin, begin + step, ... before end.
  Index(std::int64_t begin, std::int64_t end, std::int64_t step = 1) : value_(Slice{begin, end, step}) {}

  /// The alternatives that an index can hold.
  using Value = std::variant<std::int64_t, Slice, Ellipsis, NewAxis>;
  /// The alternative that this index holds.
  const Value& value() const { return value_; }

 private:
  Value value_;
};

struct StridedView;

/// The view of the elements that the indices select from an array of this shape. Axes without an index are selected
/// completely. Error if a number is out of range, a step is 0, or there are more indices than axes or several ellipses.
StridedView indexed_view(const Shape& shape, std::span<const Index> indices);

}  // namespace xtape
