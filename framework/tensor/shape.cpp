#include "framework/tensor/shape.hpp"

#include <vector>

namespace xtape {

Shape::Shape(std::span<const std::int64_t> extents) {
  check(extents.size() <= max_rank, "Shape: expected at most {} axes, got {}", max_rank, extents.size());
  constexpr std::int64_t most = std::int64_t{1} << 62;
  std::int64_t nonzero_size = 1;  // omits zero extents, which would hide an overflow of the others
  for (const std::int64_t extent : extents) {
    check(extent >= 0, "Shape: expected extents of 0 or more, got {} for axis {}", extent, rank_);
    if (extent > 0) {
      check(nonzero_size <= most / extent, "Shape: expected at most 2^62 elements, got ({})", fmt::join(extents, ", "));
      nonzero_size *= extent;
    }
    size_ = extent == 0 ? 0 : size_ * extent;
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
}

int Shape::normalized_axis(int axis) const {
  check(rank_ > 0, "Shape: expected an array with at least one axis, got shape {}", *this);
  const int normalized = axis < 0 ? axis + rank_ : axis;
  check(normalized >= 0 && normalized < rank_, "Shape: expected an axis in [{}, {}), got {} for shape {}", -rank_,
        rank_, axis, *this);
  return normalized;
}

Shape Shape::prepended(std::int64_t extent) const {
  std::vector<std::int64_t> extents{extent};
  extents.insert(extents.end(), begin(), end());
  return Shape(extents);
}

Shape Shape::replaced(int axis, std::int64_t extent) const {
  std::vector<std::int64_t> extents(begin(), end());
  extents[static_cast<std::size_t>(normalized_axis(axis))] = extent;
  return Shape(extents);
}

Shape Shape::without(int axis) const {
  std::vector<std::int64_t> extents(begin(), end());
  extents.erase(extents.begin() + normalized_axis(axis));
  return Shape(extents);
}

std::string to_string(const Shape& shape) {
  if (shape.no_array_) return "undefined";
  return fmt::format("({}{})", fmt::join(shape.begin(), shape.end(), ", "), shape.rank() == 1 ? "," : "");
}

Shape broadcast_shapes(std::string_view function, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<std::int64_t> extents(static_cast<std::size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t m = i <= a.rank() ? a[-i] : 1;
    const std::int64_t n = i <= b.rank() ? b[-i] : 1;
    check(m == n || m == 1 || n == 1,
          "{}: expected shapes that broadcast (axes equal or 1, counted from the last), got {} and {}", function, a, b);
    extents[static_cast<std::size_t>(rank - i)] = m == 1 ? n : m;
  }
  return Shape(extents);
}

std::array<std::int64_t, Shape::max_rank> contiguous_strides(const Shape& shape) {
  std::array<std::int64_t, Shape::max_rank> strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

}  // namespace xtape
