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

/// Extents of an array, outermost axis first; () is a scalar. At most 8 axes, none negative, the number of elements
/// below 2^62 (Error otherwise). Prints as "(2, 3, 4)".
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  /// What a tensor without an array has: () that prints as "undefined", so that messages say what came.
  static Shape of_no_array() {
    Shape shape;
    shape.no_array_ = true;
    return shape;
  }
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  /// Number of elements; 1 for a scalar.
  std::int64_t size() const { return size_; }
  /// Extent of an axis; negative axes count from the end. Error when there is no such axis.
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(normalized_axis(axis))]; }
  /// The same axis as a number in [0, rank). Error when there is no such axis.
  int normalized_axis(int axis) const;

  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }

  /// This shape with one axis more, in front; with the axis `axis` changed or taken out.
  Shape prepended(std::int64_t extent) const;
  Shape replaced(int axis, std::int64_t extent) const;
  Shape without(int axis) const;

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

/// "(2, 3, 4)"; "(2,)" for one axis, "()" for a scalar, "undefined" for no array.
std::string to_string(const Shape& shape);

/// The shape that arrays of shapes a and b have after NumPy's broadcasting; Error naming `function` if they don't fit.
Shape broadcast_shapes(std::string_view function, const Shape& a, const Shape& b);

/// Distance in elements between neighbours along each axis of a contiguous row-major array.
std::array<std::int64_t, Shape::max_rank> contiguous_strides(const Shape& shape);

}  // namespace xtape

template <>
struct fmt::formatter<xtape::Shape> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const xtape::Shape& shape, Context& context) const {
    return fmt::formatter<std::string>::format(xtape::to_string(shape), context);
  }
};
