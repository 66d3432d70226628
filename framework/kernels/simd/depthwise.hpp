// The micro-kernels of depthwise convolutions (see kernels/convolution/depthwise.hpp). Each lane is a channel. A
// register tile holds several output pixels, so a vector of weights is loaded once for all of them.
#pragma once

#include <type_traits>

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/strips.hpp"
#include "framework/kernels/simd/vector.hpp"

namespace xtape::kernels::simd {

/// Computes `pixels` neighbouring output pixels from number `pixel` on, in `vectors` vectors of channels from `channel`
/// on. Each value is a sum in the order of the taps, so it does not depend on the size of the tile. If `three`, there
/// are three columns of taps, as far apart as the pixels: each input is then loaded once for the pixels that read it.
template <class T, class V, int pixels, int vectors, bool three>
[[gnu::always_inline]] inline void depthwise_tile(const DepthwiseRow<T>& p, std::int64_t pixel, std::int64_t channel) {
  constexpr int lanes = lanes_of<V>, pointers = (pixels + rows_a_pointer - 1) / rows_a_pointer;
  V sum[pixels][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < pixels; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[i][v] = V{};
  }
  const T* const first = p.x.data + pixel * p.x.pixel + channel;
  for (std::int64_t row = 0; three && row < p.x.rows; ++row) {
    V weight[3][vectors];
    const T* const w = p.w + row * p.w_row + channel;
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) weight[k][v] = load<V>(w + k * p.w_column + v * lanes);
    }
    const T* x = first + row * p.x.row;
#pragma GCC unroll 10
    for (int j = 0; j < pixels + 2; ++j, x += p.x.pixel) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        const V value = load<V>(x + v * lanes);
#pragma GCC unroll 3
        for (int k = 0; k < 3; ++k) {
          if (j - k >= 0 && j - k < pixels) sum[j - k][v] += weight[k][v] * value;
        }
      }
    }
  }
  for (std::int64_t row = 0; !three && row < p.x.rows; ++row) {
    const T* x[pointers];
#pragma GCC unroll 3
    for (int i = 0; i < pointers; ++i) x[i] = first + row * p.x.row + i * rows_a_pointer * p.x.pixel;
    const T* w = p.w + row * p.w_row + channel;
    for (std::int64_t tap = 0; tap < p.x.columns; ++tap, w += p.w_column) {
      V weight[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) weight[v] = load<V>(w + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < pixels; ++i) {
        const T* const at = x[i / rows_a_pointer] + i % rows_a_pointer * p.x.pixel;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sum[i][v] += weight[v] * load<V>(at + v * lanes);
      }
#pragma GCC unroll 3
      for (int i = 0; i < pointers; ++i) x[i] += p.x.column;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < pixels; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) store(p.y + (pixel + i) * p.y_pixel + channel + v * lanes, sum[i][v]);
  }
}

/// Computes `pixels` neighbouring output pixels in all channels.
template <class T, int bytes, int pixels, int vectors, bool three>
void depthwise_pixels(const DepthwiseRow<T>& p, std::int64_t pixel) {
  constexpr std::int64_t lanes = bytes / static_cast<int>(sizeof(T));
  std::int64_t channel = 0;
  for (; channel + vectors * lanes <= p.channels; channel += vectors * lanes) {
    depthwise_tile<T, Vector<T, bytes>, pixels, vectors, three>(p, pixel, channel);
  }
  for_each_vector<T, bytes>(
      p.channels, [&](auto v, std::int64_t c) { depthwise_tile<T, decltype(v), pixels, 1, three>(p, pixel, c); },
      channel);
}

template <class T, int bytes, bool three>
void multiply_depthwise_pixels(const DepthwiseRow<T>& p) {
  constexpr int wide = bytes == 64 ? 2 : 1;  // as many vectors as there are registers for
  std::int64_t pixel = 0;
  for (; pixel + 8 <= p.pixels; pixel += 8) depthwise_pixels<T, bytes, 8, wide, three>(p, pixel);
  for (; pixel + 4 <= p.pixels; pixel += 4) depthwise_pixels<T, bytes, 4, 2 * wide, three>(p, pixel);
  for (; pixel + 2 <= p.pixels; pixel += 2) depthwise_pixels<T, bytes, 2, 4, three>(p, pixel);
  for (; pixel < p.pixels; ++pixel) depthwise_pixels<T, bytes, 1, 4, false>(p, pixel);
}

/// See Engine::multiply_depthwise.
template <class T, int bytes>
void multiply_depthwise(const DepthwiseRow<T>& p) {
  if (p.x.columns == 3 && p.x.column == p.x.pixel) return multiply_depthwise_pixels<T, bytes, true>(p);
  multiply_depthwise_pixels<T, bytes, false>(p);
}

/// Adds the products of a block of taps, `rows` x `columns` from (row, column) on, in the channels of one vector. Pixel
/// i is added to sum i modulo `sums`: independent sums hide the latency of the multiply-add units.
template <class T, class V, int rows, int columns, int sums>
[[gnu::always_inline]] inline void add_depthwise_tile(const DepthwiseSums<T>& p, std::int64_t row, std::int64_t column,
                                                      std::int64_t channel) {
  V sum[sums][rows][columns];
  const auto for_each_sum = [&](const auto& f) {
#pragma GCC unroll 8
    for (int s = 0; s < sums; ++s) {
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 5
        for (int c = 0; c < columns; ++c) f(s, r, c);
      }
    }
  };
  for_each_sum([&](int s, int r, int c) { sum[s][r][c] = V{}; });
  for (std::int64_t line = 0; line < p.lines; ++line) {
    const T* x = p.x.data + line * p.x_line + row * p.x.row + column * p.x.column + channel;
    const T* dy = p.dy + line * p.dy_line + channel;
    std::int64_t pixel = 0;
    for (; pixel + sums <= p.pixels; pixel += sums, x += sums * p.x.pixel, dy += sums * p.dy_pixel) {
      V factor[sums];
#pragma GCC unroll 8
      for (int s = 0; s < sums; ++s) factor[s] = load<V>(dy + s * p.dy_pixel);
      for_each_sum([&](int s, int r, int c) {
        sum[s][r][c] += factor[s] * load<V>(x + s * p.x.pixel + r * p.x.row + c * p.x.column);
      });
    }
    for (; pixel < p.pixels; ++pixel, x += p.x.pixel, dy += p.dy_pixel) {
      const V factor = load<V>(dy);
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 5
        for (int c = 0; c < columns; ++c) sum[0][r][c] += factor * load<V>(x + r * p.x.row + c * p.x.column);
      }
    }
  }
#pragma GCC unroll 3
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 5
    for (int c = 0; c < columns; ++c) {
      V total = sum[0][r][c];
#pragma GCC unroll 8
      for (int s = 1; s < sums; ++s) total += sum[s][r][c];
      T* const dw = p.dw + (row + r) * p.dw_row + (column + c) * p.dw_column + channel;
      store(dw, load<V>(dw) + total);
    }
  }
}

/// add_depthwise_tile for three columns of taps that are as far apart as the pixels: each input is loaded once for the
/// three columns, and a window of three dy slides over the pixels. There are at least two pixels. The order of the sums
/// is that of add_depthwise_tile.
template <class T, class V, int rows>
[[gnu::always_inline]] inline void add_sliding_tile(const DepthwiseSums<T>& p, std::int64_t row, std::int64_t column,
                                                    std::int64_t channel) {
  V sum[rows][3];
#pragma GCC unroll 3
  for (int r = 0; r < rows; ++r) sum[r][0] = sum[r][1] = sum[r][2] = V{};
  for (std::int64_t line = 0; line < p.lines; ++line) {
    const T* x = p.x.data + line * p.x_line + row * p.x.row + column * p.x.column + channel;
    const T* dy = p.dy + line * p.dy_line + channel;
    V slopes[3] = {};  // dy of this pixel, the one before, and the one before that
    // Adds the products of the next inputs with the columns [first, last).
    const auto add = [&](auto first, auto last) __attribute__((always_inline)) {
#pragma GCC unroll 3
      for (int r = 0; r < rows; ++r) {
        const V value = load<V>(x + r * p.x.row);
        if constexpr (first() == 0) sum[r][0] += slopes[0] * value;
        if constexpr (first() <= 1 && last() > 1) sum[r][1] += slopes[1] * value;
        if constexpr (last() == 3) sum[r][2] += slopes[2] * value;
      }
      x += p.x.pixel;
    };
    const auto slide = [&]() __attribute__((always_inline)) { slopes[2] = slopes[1], slopes[1] = slopes[0]; };
    const auto next = [&]() __attribute__((always_inline)) {
      slide();
      slopes[0] = load<V>(dy);
      dy += p.dy_pixel;
    };
    constexpr std::integral_constant<int, 0> zero;
    constexpr std::integral_constant<int, 1> one;
    constexpr std::integral_constant<int, 2> two;
    constexpr std::integral_constant<int, 3> three;
    next(), add(zero, one);
    next(), add(zero, two);
    for (std::int64_t pixel = 2; pixel < p.pixels; ++pixel) next(), add(zero, three);
    slide(), add(one, three);
    slide(), add(two, three);
  }
#pragma GCC unroll 3
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 3
    for (int c = 0; c < 3; ++c) {
      T* const dw = p.dw + (row + r) * p.dw_row + (column + c) * p.dw_column + channel;
      store(dw, load<V>(dw) + sum[r][c]);
    }
  }
}

/// Calls f(size, start) for blocks of 5, 3, 2 and 1 (compile-time constants, at most `most`) that fill [0, count).
template <int most, class F>
[[gnu::always_inline]] inline void for_each_block(std::int64_t count, const F& f) {
  std::int64_t i = 0;
  if constexpr (most >= 5) {
    for (; i + 5 <= count; i += 5) f(std::integral_constant<int, 5>{}, i);
  }
  for (; i + 3 <= count; i += 3) f(std::integral_constant<int, 3>{}, i);
  for (; i + 2 <= count; i += 2) f(std::integral_constant<int, 2>{}, i);
  for (; i < count; ++i) f(std::integral_constant<int, 1>{}, i);
}

/// See Engine::add_depthwise_products. A block of taps has registers for all its sums.
template <class T, int bytes>
void add_depthwise_products(const DepthwiseSums<T>& p) {
  for_each_vector<T, bytes>(p.channels, [&](auto vector, std::int64_t channel) {
    for_each_block<3>(p.x.rows, [&](auto rows, std::int64_t row) {
      for_each_block<5>(p.x.columns, [&](auto columns, std::int64_t column) {
        constexpr int sums = 8 / (rows * columns) > 1 ? 8 / (rows * columns) : 1;
        using V = decltype(vector);
        if constexpr (columns == 3 && sums == 1) {
          if (p.x.column == p.x.pixel && p.pixels > 1) return add_sliding_tile<T, V, rows>(p, row, column, channel);
        }
        if (p.pixels >= sums) {
          add_depthwise_tile<T, V, rows, columns, sums>(p, row, column, channel);
        } else {
          add_depthwise_tile<T, V, rows, columns, 1>(p, row, column, channel);
        }
      });
    });
  });
}

}  // namespace xtape::kernels::simd
