// The micro-kernels of depthwise convolutions (see kernels/convolution/depthwise.hpp). Each lane is a channel. A register
// tile holds several output pixels, so a vector of weights is loaded once for all of them.
#pragma once

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/strips.hpp"
#include "framework/kernels/simd/vector.hpp"

namespace xtape::kernels::simd {

/// Computes `pixels` neighbouring output pixels from number `pixel` on, in `vectors` vectors of channels from `channel`
/// on. Each value is a sum in the order of the taps, so it does not depend on the size of the tile.
template <class T, class V, int pixels, int vectors>
[[gnu::always_inline]] inline void depthwise_tile(const DepthwiseRow<T>& p, std::int64_t pixel, std::int64_t channel) {
  constexpr int lanes = lanes_of<V>, pointers = (pixels + rows_a_pointer - 1) / rows_a_pointer;
  V sum[pixels][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < pixels; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[i][v] = V{};
  }
  const T* const first = p.x.data + pixel * p.x.pixel + channel;
  for (std::int64_t row = 0; row < p.x.rows; ++row) {
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
template <class T, int bytes, int pixels, int vectors>
void depthwise_pixels(const DepthwiseRow<T>& p, std::int64_t pixel) {
  constexpr std::int64_t lanes = bytes / static_cast<int>(sizeof(T));
  std::int64_t channel = 0;
  for (; channel + vectors * lanes <= p.channels; channel += vectors * lanes) {
    depthwise_tile<T, Vector<T, bytes>, pixels, vectors>(p, pixel, channel);
  }
  for_each_vector<T, bytes>(
      p.channels, [&](auto v, std::int64_t c) { depthwise_tile<T, decltype(v), pixels, 1>(p, pixel, c); }, channel);
}

/// See Engine::multiply_depthwise.
template <class T, int bytes>
void multiply_depthwise(const DepthwiseRow<T>& p) {
  std::int64_t pixel = 0;
  for (; pixel + 8 <= p.pixels; pixel += 8) depthwise_pixels<T, bytes, 8, 1>(p, pixel);
  for (; pixel + 4 <= p.pixels; pixel += 4) depthwise_pixels<T, bytes, 4, 2>(p, pixel);
  for (; pixel + 2 <= p.pixels; pixel += 2) depthwise_pixels<T, bytes, 2, 4>(p, pixel);
  for (; pixel < p.pixels; ++pixel) depthwise_pixels<T, bytes, 1, 4>(p, pixel);
}

/// Adds the products of a block of taps, `rows` x `columns` from (row, column) on, in the channels of one vector. Pixel i
/// is added to sum i modulo `sums`: independent sums hide the latency of the multiply-add units.
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

/// See Engine::add_depthwise_products. Blocks of 3 x 3, 1 x 3 and 1 x 5 taps have registers for all their sums.
template <class T, int bytes>
void add_depthwise_products(const DepthwiseSums<T>& p) {
  for_each_vector<T, bytes>(p.channels, [&](auto vector, std::int64_t channel) {
    using V = decltype(vector);
    if (p.x.rows == 3 && p.x.columns == 3) return add_depthwise_tile<T, V, 3, 3, 1>(p, 0, 0, channel);
    for (std::int64_t row = 0; row < p.x.rows; ++row) {
      std::int64_t column = 0;
      for (; column + 5 <= p.x.columns; column += 5) add_depthwise_tile<T, V, 1, 5, 2>(p, row, column, channel);
      for (; column + 3 <= p.x.columns; column += 3) add_depthwise_tile<T, V, 1, 3, 3>(p, row, column, channel);
      for (; column < p.x.columns; ++column) add_depthwise_tile<T, V, 1, 1, 8>(p, row, column, channel);
    }
  });
}

}  // namespace xtape::kernels::simd
