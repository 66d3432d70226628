// Strided views of arrays, shared by indexing, transposing, padding and concatenating.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// A view of another array: element (i, j, ...) of the view is element offset + i strides[0] + j strides[1] + ... of
/// the array.
struct StridedView {
  Shape shape;                                          ///< shape of the view
  std::int64_t offset = 0;                              ///< position of the first element in the array
  std::array<std::int64_t, Shape::max_rank> strides{};  ///< distances along the axes, in elements

  /// The part of an array of shape `whole` that begins at the index `begin` and has the shape `part`.
  static StridedView part_of(const Shape& whole, const Shape& part, std::span<const std::int64_t> begin) {
    StridedView view{part, 0, contiguous_strides(whole)};
    for (std::size_t i = 0; i < begin.size(); ++i) view.offset += begin[i] * view.strides[i];
    return view;
  }

  /// An array of shape `whole`, repeated along new leading axes and along axes of extent 1, so that it has the shape
  /// `result`. Error with the name `function` if `whole` does not broadcast to `result`.
  static StridedView repeated(std::string_view function, const Shape& whole, const Shape& result) {
    const int more = result.rank() - whole.rank();
    bool fits = more >= 0;
    for (int i = 0; fits && i < whole.rank(); ++i) fits = whole[i] == 1 || whole[i] == result[i + more];
    check(fits, "{}: expected a shape that broadcasts to {}, got {}", function, result, whole);
    StridedView view{result};
    const auto strides = contiguous_strides(whole);
    for (int i = 0; i < whole.rank(); ++i) {
      const int behind = i + more;
      if (whole[i] != 1) view.strides[static_cast<std::size_t>(behind)] = strides[static_cast<std::size_t>(i)];
    }
    return view;
  }
};

/// The extents and strides of a view, outermost first, without axes of extent 1. Neighbouring axes are merged if they
/// are contiguous with each other.
struct MergedAxes {
  std::vector<std::int64_t> extents, strides;

  explicit MergedAxes(const StridedView& view) {
    for (int axis = 0; axis < view.shape.rank(); ++axis) {
      const std::int64_t extent = view.shape[axis];
      const std::int64_t stride = view.strides[static_cast<std::size_t>(axis)];
      if (extent == 1) continue;
      if (!extents.empty() && strides.back() == extent * stride) {
        extents.back() *= extent;
        strides.back() = stride;
      } else {
        extents.push_back(extent);
        strides.push_back(stride);
      }
    }
    if (!extents.empty()) return;
    extents.push_back(1);
    strides.push_back(1);
  }
};

/// Calls f(i, j, n, stride) in parallel for runs of n elements. The run lies at i, i + 1, ... in row-major order of the
/// view, and at j, j + stride, ... in the other array.
template <class F>
void for_each_run(const StridedView& view, F f) {
  const MergedAxes axes(view);
  const std::int64_t n = axes.extents.back();
  const std::int64_t stride = axes.strides.back();
  if (n == 0) return;
  const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / n);
  kernels::parallel_for(view.shape.size() / n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t run = begin; run < end; ++run) {
      std::int64_t j = view.offset;
      std::int64_t rest = run;
      for (std::size_t axis = axes.extents.size() - 1; axis-- > 0;) {
        j += rest % axes.extents[axis] * axes.strides[axis];
        rest /= axes.extents[axis];
      }
      f(run * n, j, n, stride);
    }
  });
}

/// A copy of the elements of x in the view.
inline Tensor gather(const Tensor& x, const StridedView& view) {
  Tensor y = Tensor::empty(view.shape, x.dtype());
  with_type(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    for_each_run(view, [in, out](std::int64_t i, std::int64_t j, std::int64_t n, std::int64_t stride) {
      if (stride == 1) {
        std::copy_n(in + j, n, out + i);
      } else {
        for (std::int64_t k = 0; k < n; ++k) out[i + k] = in[j + k * stride];
      }
    });
  });
  return y;
}

/// Writes x into the elements of y in the view.
inline void scatter(const Tensor& x, const StridedView& view, Tensor& y) {
  with_type(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    for_each_run(view, [in, out](std::int64_t i, std::int64_t j, std::int64_t n, std::int64_t stride) {
      if (stride == 1) {
        std::copy_n(in + i, n, out + j);
      } else {
        for (std::int64_t k = 0; k < n; ++k) out[j + k * stride] = in[i + k];
      }
    });
  });
}

}  // namespace xtape
