// Checks of axis arguments, and iteration along an axis.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/shape.hpp"

namespace xtape {

/// The axis as a number in [0, rank). Negative axes count from the end. Error with the name `function` if the axis does
/// not exist.
inline int checked_axis(std::string_view function, const Shape& shape, int axis) {
  const int rank = shape.rank();
  check(rank > 0, "{}: expected an array with at least one axis, got shape {}", function, shape);
  check(axis >= -rank && axis < rank, "{}: expected an axis in [{}, {}) for shape {}, got {}", function, -rank, rank,
        shape, axis);
  return axis < 0 ? axis + rank : axis;
}

/// A row-major array as (outer, extent, inner), where `extent` is the extent of one axis.
struct AxisView {
  std::int64_t outer = 1, extent = 1, inner = 1;
  AxisView(const Shape& shape, int axis) : extent(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

/// Calls f(line, start) in parallel for each line of an array along the axis of the view. The elements of a line are at
/// start, start + inner, start + 2 inner, ... Lines are numbered in row-major order.
template <class F>
void for_each_line(const AxisView& view, const F& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(1, view.extent));
  kernels::parallel_for(view.outer * view.inner, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      f(line, line / view.inner * view.extent * view.inner + line % view.inner);
    }
  });
}

}  // namespace xtape
