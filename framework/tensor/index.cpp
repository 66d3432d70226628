#include "framework/tensor/index.hpp"

#include "framework/tensor/strided.hpp"

namespace xtape {
namespace {

/// The elements of a slice: the position of the first one along the axis, their distance and their number.
struct Range {
  std::int64_t first, step, count;
};

Range range_of(const Slice& slice, std::int64_t extent, int axis, const Shape& shape) {
  check(slice.step != 0, "index: expected a step other than 0 for axis {} of {}, got 0", axis, shape);
  const bool forward = slice.step > 0;
  // A negative step runs from the last element to position 0, so its end is limited to -1.
  const std::int64_t low = forward ? 0 : -1, high = forward ? extent : extent - 1;
  const auto position = [&](std::optional<std::int64_t> given, std::int64_t missing) {
    if (!given) return missing;
    return std::clamp(*given < 0 ? *given + extent : *given, low, high);
  };
  const std::int64_t begin = position(slice.begin, forward ? low : high);
  const std::int64_t end = position(slice.end, forward ? high : low);
  const std::int64_t count = positions_between(begin, end, slice.step);
  if (count == 0) return {0, 1, 0};
  return {begin, count == 1 ? 1 : slice.step, count};
}

template <class T>
bool is(const Index& index) {
  return std::holds_alternative<T>(index.value());
}

}  // namespace

std::int64_t positions_between(std::int64_t begin, std::int64_t end, std::int64_t step) {
  const std::int64_t distance = step > 0 ? end - begin : begin - end;
  if (distance <= 0) return 0;
  // -(x / step) instead of x / -step, because -step overflows for the smallest int64.
  return step > 0 ? (distance - 1) / step + 1 : -((distance - 1) / step) + 1;
}

StridedView indexed_view(const Shape& shape, std::span<const Index> indices) {
  const auto used =
      std::ranges::count_if(indices, [](const Index& index) { return is<std::int64_t>(index) || is<Slice>(index); });
  check(used <= shape.rank(), "index: expected at most {} indices for shape {}, got {}", shape.rank(), shape, used);
  check(std::ranges::count_if(indices, is<Ellipsis>) <= 1, "index: expected at most one ellipsis(), got several");

  const auto strides = contiguous_strides(shape);
  StridedView view;
  std::vector<std::int64_t> extents;
  int axis = 0;
  const auto add_axis = [&](std::int64_t extent, std::int64_t stride) {
    check(extents.size() < Shape::max_rank,
          "index: expected a result of at most {} axes, got more; use fewer newaxis()", Shape::max_rank);
    view.strides[extents.size()] = stride;
    extents.push_back(extent);
  };
  const auto take = [&](const Slice& slice) {
    const std::int64_t stride = strides[static_cast<std::size_t>(axis)];
    const Range range = range_of(slice, shape[axis], axis, shape);
    view.offset += range.first * stride;
    add_axis(range.count, range.step * stride);
    ++axis;
  };
  for (const Index& index : indices) {
    if (const auto* position = std::get_if<std::int64_t>(&index.value())) {
      const std::int64_t extent = shape[axis];
      check(*position >= -extent && *position < extent,
            "index: expected an index in [{}, {}) for axis {} of {}, got {}", -extent, extent, axis, shape, *position);
      view.offset += (*position < 0 ? *position + extent : *position) * strides[static_cast<std::size_t>(axis)];
      ++axis;
    } else if (const auto* slice = std::get_if<Slice>(&index.value())) {
      take(*slice);
    } else if (is<NewAxis>(index)) {
      add_axis(1, 1);
    } else {
      for (std::int64_t rest = shape.rank() - used; rest > 0; --rest) take(all());
    }
  }
  while (axis < shape.rank()) take(all());
  view.shape = Shape(extents);
  return view;
}

}  // namespace xtape
