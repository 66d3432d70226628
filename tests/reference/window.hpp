// Sliding windows by their definition: which pixels an output position reads.
#pragma once

#include <algorithm>
#include <array>

#include "framework/kernels/convolution/window.hpp"

namespace xtape::reference {

using Index4 = std::array<std::int64_t, 4>;

/// The index of element number `index` of an array with these extents.
inline Index4 split(std::int64_t index, std::int64_t second, std::int64_t third, std::int64_t fourth) {
  return {index / fourth / third / second, index / fourth / third % second, index / fourth % third, index % fourth};
}

/// The row or column that tap `tap` of output position `out` reads; it may be in the padding.
inline std::int64_t row_read(const kernels::Window& s, std::int64_t out, std::int64_t tap) {
  return out * s.stride_height + tap * s.dilation_height - s.pad_top;
}
inline std::int64_t column_read(const kernels::Window& s, std::int64_t out, std::int64_t tap) {
  return out * s.stride_width + tap * s.dilation_width - s.pad_left;
}

/// Calls f(a, b, h, v) for the taps (a, b) of output position (i, j) that read a pixel (h, v) and not padding.
template <class F>
void for_each_pixel_read(const kernels::Window& s, std::int64_t i, std::int64_t j, const F& f) {
  for (std::int64_t a = 0; a < s.kernel_height; ++a) {
    for (std::int64_t b = 0; b < s.kernel_width; ++b) {
      const std::int64_t h = row_read(s, i, a), v = column_read(s, j, b);
      if (h >= 0 && h < s.height && v >= 0 && v < s.width) f(a, b, h, v);
    }
  }
}

/// Calls f(i, j, a, b) for the output positions (i, j) of which tap (a, b) reads pixel (h, v). Only positions that are
/// closer than the size of the window are tried.
template <class F>
void for_each_reader(const kernels::Window& s, std::int64_t h, std::int64_t v, const F& f) {
  const std::int64_t rows = (s.kernel_height - 1) * s.dilation_height,
                     columns = (s.kernel_width - 1) * s.dilation_width;
  const std::int64_t top = (h + s.pad_top - rows) / s.stride_height - 1;
  const std::int64_t left = (v + s.pad_left - columns) / s.stride_width - 1;
  for (std::int64_t i = std::max<std::int64_t>(0, top); i < s.out_height && row_read(s, i, 0) <= h; ++i) {
    for (std::int64_t j = std::max<std::int64_t>(0, left); j < s.out_width && column_read(s, j, 0) <= v; ++j) {
      for (std::int64_t a = 0; a < s.kernel_height; ++a) {
        for (std::int64_t b = 0; b < s.kernel_width; ++b) {
          if (row_read(s, i, a) == h && column_read(s, j, b) == v) f(i, j, a, b);
        }
      }
    }
  }
}

}  // namespace xtape::reference
