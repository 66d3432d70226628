// Indirect convolution: a convolution and its two derivatives, computed by their definition as matrix products that
// read their left operand through an indirection buffer (see gather.hpp). Internal to kernels/.
//
// With groups, each function computes one group. The pointers then begin at the first channel or filter of the group;
// the distances between pixels and between rows of w stay those of all channels and filters.
#pragma once

#include <algorithm>
#include <vector>

#include "framework/kernels/gemm/gather.hpp"
#include "framework/kernels/gemm/product.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {

/// The input of the forward pass: x (batch, height, width, channels) under the taps of the window.
template <class T>
Gather<T> gather_taps(const Window& window, const T* x) {
  Gather<T> g{x,  window.height,          window.width, window.channels, window.stride_height, window.stride_width,
              {}, window.group_channels()};
  for (std::int64_t kh = 0; kh < window.kernel_height; ++kh) {
    for (std::int64_t kw = 0; kw < window.kernel_width; ++kw) {
      g.taps.push_back({kh * window.dilation_height - window.pad_top, kw * window.dilation_width - window.pad_left,
                        kh * window.kernel_width + kw});
    }
  }
  return g;
}

/// Computes one row of C for each output pixel: the values that the pixel reads, times the weights of the taps. b(tap)
/// returns the weights of a tap, a matrix (gather.length, columns). c(pixel) returns where the row of C is written.
template <class T, class B, class C>
void multiply_gathered(const Gather<T>& gather, const PixelOrder& order, std::int64_t columns, const B& b, const C& c,
                       const Engines<T>& engines, const PackedMatrix<T>* packed = nullptr,
                       const PartFunction<T>* finish = nullptr) {
  const Zeros<T> zeros(gather.length);
  const auto indirection = [&](std::int64_t begin, std::int64_t end, const Slice& slice, const T** out) {
    order.for_each_stretch(begin, end, [&](std::int64_t i, Pixel first, std::int64_t count) {
      for (std::int64_t s = 0; s < slice.segments; ++s) {
        gather.fill_indirection(gather.taps[static_cast<std::size_t>(slice.segment + s)], first, count,
                                order.by_position(), zeros.data(), out + i * slice.segments + s, slice.segments);
      }
    });
    if (slice.start == 0) return;
    for (std::int64_t i = 0; i < (end - begin) * slice.segments; ++i) {
      if (out[i] != zeros.data()) out[i] += slice.start;
    }
  };
  const auto c_rows = [&](std::int64_t begin, std::int64_t end, T** out) {
    order.for_each(begin, end, [&](std::int64_t i, Pixel pixel) { out[i] = c(pixel); });
  };
  multiply<T>({.rows = order.count(),
               .columns = columns,
               .segments = static_cast<std::int64_t>(gather.taps.size()),
               .length = gather.length,
               .a = indirection,
               .zeros = zeros.data(),
               .b = [&](std::int64_t s) { return b(gather.taps[static_cast<std::size_t>(s)].index); },
               .c = c_rows,
               .packed = packed,
               .finish = finish},
              engines);
}

/// y = x * w, with w (taps, channels, filters) or, unless it is null, `packed`.
template <class T>
void conv2d_gathered(const Window& window, const Gather<T>& gather, std::int64_t filters, const T* w,
                     const PackedMatrix<T>* packed, T* y, const PartFunction<T>* finish = nullptr) {
  multiply_gathered(
      gather, PixelOrder(window.batch, window.out_height, window.out_width, window.taps() > 1), filters / window.groups,
      [&](std::int64_t tap) {
        return PackSource<T>{w + tap * gather.length * filters, filters, false};
      },
      [&](Pixel out) {
        return y + ((out.image * window.out_height + out.row) * window.out_width + out.column) * filters;
      },
      engines_in_use<T>(), packed, finish);
}

/// dw (taps, channels, filters): for each tap the product of the transposed input under the tap with dy. In position
/// order, dy is copied into that order first.
template <class T>
void kernel_gradient_gathered(const Window& window, const Gather<T>& gather, std::int64_t filters, const T* dy, T* dw) {
  const Zeros<T> zeros(gather.length);
  const PixelOrder order(window.batch, window.out_height, window.out_width, window.taps() > 1);
  const std::int64_t columns = filters / window.groups;
  const Workspace<T> reordered(order.by_position() ? order.count() * columns : 0);
  if (order.by_position()) {
    order.for_each(0, order.count(), [&](std::int64_t i, Pixel out) {
      const std::int64_t from = (out.image * window.out_height + out.row) * window.out_width + out.column;
      std::copy_n(dy + from * filters, columns, reordered.data() + i * columns);
    });
    dy = reordered.data();
  }
  multiply<T>({.rows = gather.length,
               .columns = columns,
               .segments = static_cast<std::int64_t>(gather.taps.size()),
               .depth = order.count(),
               .a =
                   [&](std::int64_t segment, std::int64_t begin, std::int64_t end, const T** out) {
                     const Tap tap = gather.taps[static_cast<std::size_t>(segment)];
                     order.for_each_stretch(begin, end, [&](std::int64_t i, Pixel first, std::int64_t count) {
                       gather.fill_indirection(tap, first, count, order.by_position(), zeros.data(), out + i, 1);
                     });
                   },
               .zeros = zeros.data(),
               .b = {dy, order.by_position() ? columns : filters, false},
               .c = dw,
               .c_stride = filters},
              engines_in_use<T>());
}

/// Computes one phase of dx: its pixels in rows row, row + stride, ... and columns column, column + stride, ... The
/// same taps reach all pixels of a phase, so a phase is a convolution of dy with stride 1 and the transposed weights.
template <class T>
void input_gradient_phase(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx, std::int64_t row,
                          std::int64_t column, const Engines<T>& engines) {
  Gather<T> gather{dy, window.out_height, window.out_width, filters, 1, 1, {}, filters / window.groups};
  for (std::int64_t kh = 0; kh < window.kernel_height; ++kh) {
    const std::int64_t from_row = row + window.pad_top - kh * window.dilation_height;
    if (from_row % window.stride_height != 0) continue;
    for (std::int64_t kw = 0; kw < window.kernel_width; ++kw) {
      const std::int64_t from_column = column + window.pad_left - kw * window.dilation_width;
      if (from_column % window.stride_width != 0) continue;
      gather.taps.push_back(
          {from_row / window.stride_height, from_column / window.stride_width, kh * window.kernel_width + kw});
    }
  }
  const PixelOrder order(window.batch, ceil_div(window.height - row, window.stride_height),
                         ceil_div(window.width - column, window.stride_width), window.taps() > 1);
  const auto pixel_of_dx = [&](Pixel out) {
    return dx + ((out.image * window.height + row + out.row * window.stride_height) * window.width + column +
                 out.column * window.stride_width) *
                    window.channels;
  };
  if (gather.taps.empty()) {
    return order.for_each(0, order.count(), [&](std::int64_t, Pixel out) {
      std::fill_n(pixel_of_dx(out), window.group_channels(), T{0});
    });
  }
  multiply_gathered(
      gather, order, window.group_channels(),
      [&](std::int64_t tap) {
        return PackSource<T>{w + tap * window.group_channels() * filters, filters, true};
      },
      pixel_of_dx, engines);
}

/// Computes dx, phase by phase of the strides.
template <class T>
void input_gradient_gathered(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  const Engines<T>& engines = engines_in_use<T>();
  for (std::int64_t row = 0; row < std::min(window.stride_height, window.height); ++row) {
    for (std::int64_t column = 0; column < std::min(window.stride_width, window.width); ++column) {
      input_gradient_phase(window, filters, dy, w, dx, row, column, engines);
    }
  }
}

}  // namespace xtape::kernels
