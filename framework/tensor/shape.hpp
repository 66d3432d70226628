// Shape: the extents of an array, outermost first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "framework/error.hpp"

namespace xtape {

/// The extents of an array, outermost axis first. () is the shape of a scalar. The constructor throws Error if there
/// are more than 8 axes, if an extent is negative, or if the number of elements exceeds 2^62. Prints as "(2, 3, 4)".
class Shape {
 public:
  /// The largest number of axes.
  static constexpr int max_rank = 8;

  /// The shape () of a scalar.
  Shape() = default;
  /// The shape of an undefined tensor: (), but printed as "undefined" in messages.
  static Shape of_no_array() {
    Shape shape;
    shape.no_array_ = true;
    return shape;
  }
  /// The shape with these extents, for example Shape{2, 3, 4}.
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  /// The shape with these extents.
  explicit Shape(std::span<const std::int64_t> extents);

  /// The number of axes.
  int rank() const { return rank_; }
  /// The number of elements; 1 for a scalar.
  std::int64_t size() const { return size_; }
  /// The extent of an axis. Negative axes count from the end. Error if the axis does not exist.
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(normalized_axis(axis))]; }
  /// The index of an axis in [0, rank). Negative axes count from the end. Error if the axis does not exist.
  int normalized_axis(int axis) const;

  /// The begin of the extents, outermost first.
  const std::int64_t* begin() const { return extents_.data(); }
  /// The end of the extents.
  const std::int64_t* end() const { return extents_.data() + rank_; }

  /// This shape with a new first axis.
  Shape prepended(std::int64_t extent) const;
  /// This shape with another extent of `axis`. Error if the axis does not exist.
  Shape replaced(int axis, std::int64_t extent) const;
  /// This shape without `axis`. Error if the axis does not exist.
  Shape without(int axis) const;

  /// Whether both shapes have the same extents.
  friend bool operator==(const Shape& a, const Shape& b) {
    return std::ranges::equal(std::span(a.begin(), a.end()), std::span(b.begin(), b.end()));
  }

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
  bool no_array_ = false;
  std::int64_t size_ = 1;

  friend std::string to_string(const Shape& shape);
};

/// The shape as text: "(2, 3, 4)", "(2,)" for one axis, "()" for a scalar, "undefined" for an undefined tensor.
std::string to_string(const Shape& shape);

/// The shape that results from broadcasting shapes a and b with NumPy's rules. Throws Error that names `function` if
/// they are not compatible.
Shape broadcast_shapes(std::string_view function, const Shape& a, const Shape& b);

/// The strides of a contiguous row-major array, in elements. Entries beyond the rank are 0.
std::array<std::int64_t, Shape::max_rank> contiguous_strides(const Shape& shape);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Shape> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Shape& shape, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(shape), context);
  }
};
