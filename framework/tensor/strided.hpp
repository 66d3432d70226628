// Part of an array as another array's elements: what indexing, transposing, padding and concatenating share.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// An array of this shape whose element (i, j, ...) lies at offset + i strides[0] + j strides[1] + ... of another.
struct StridedView {
  Shape shape;
  std::int64_t offset = 0;
  std::array<std::int64_t, Shape::max_rank> strides{};

  /// The part of an array of shape `whole` that begins at the index `begin` and has the shape `part`.
  static StridedView part_of(const Shape& whole, const Shape& part, std::span<const std::int64_t> begin) {
    StridedView view{part, 0, contiguous_strides(whole)};
    for (std::size_t i = 0; i < begin.size(); ++i) view.offset += begin[i] * view.strides[i];
    return view;
  }

  /// An array of shape `whole` repeated along new axes in front and along axes of extent 1, so that it has the shape
  /// `result`. Error naming `function` when it does not broadcast to that.
  static StridedView repeated(std::string_view function, const Shape& whole, const Shape& result) {
    const int more = result.rank() - whole.rank();
    bool fits = more >= 0;
    for (int i = 0; fits && i < whole.rank(); ++i) fits = whole[i] == 1 || whole[i] == result[i + more];
    check(fits, "{}: expected a shape that broadcasts to {}, got {}", function, result, whole);
    StridedView view{result};
    const auto strides = contiguous_strides(whole);
    for (int i = 0; i < whole.rank(); ++i) {
      if (whole[i] != 1) view.strides[static_cast<std::size_t>(i + more)] = strides[static_cast<std::size_t>(i)];
    }
    return view;
  }
};

/// The extents and strides of a view, outermost first, with axes of extent 1 left out and neighbours merged that lie
/// one behind the other.
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

/// Calls f(i, j, n, stride) for runs of n elements that lie at i, i + 1, ... of the view taken as a contiguous array
/// and at j, j + stride, ... of the other one. In parallel.
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

/// The elements of x that the view shows, as an array of their own.
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

/// Writes x into the elements of y that the view shows.
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
