// Arrays that are stored with any strides. Internal to framework/io.
#pragma once

#include <cstdint>
#include <vector>

namespace xtape {

/// A view of stored elements: element (i, j, ...) is number offset + i strides[0] + j strides[1] + ... of them.
struct StridedView {
  std::int64_t offset = 0;
  std::vector<std::int64_t> extents, strides;
};

/// Calls visit(begin, stride, count) for each run of elements along the last axis, in row-major order: the stored
/// elements begin, begin + stride, ...
template <class Visit>
void visit_rows(const StridedView& view, Visit visit) {
  const std::size_t rank = view.extents.size();
  const std::int64_t count = rank == 0 ? 1 : view.extents.back(), stride = rank == 0 ? 0 : view.strides.back();
  if (count == 0) return;  // there may be 2^60 rows without elements
  std::int64_t rows = 1, begin = view.offset;
  for (std::size_t axis = 0; axis + 1 < rank; ++axis) rows *= view.extents[axis];
  std::vector<std::int64_t> index(rank);
  for (; rows > 0; --rows) {
    visit(begin, stride, count);
    for (std::size_t axis = rank; axis-- > 1;) {  // the next row
      begin += view.strides[axis - 1];
      if (++index[axis - 1] < view.extents[axis - 1]) break;
      begin -= view.extents[axis - 1] * view.strides[axis - 1];
      index[axis - 1] = 0;
    }
  }
}

}  // namespace xtape
