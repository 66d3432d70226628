// The micro-kernels of depthwise convolution. The channels are the lanes of a vector, so nothing is packed or shuffled:
// a tap is one multiply-add for each pixel and vector of channels.
#pragma once

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/products.hpp"

namespace xtape::kernels::simd {

/// The number of neighbouring pixels or taps that share a pointer register. Their offsets, 0, 1 and 2 times the
/// distance of two of them, are part of an x86 address.
inline constexpr int pixels_a_pointer = 3;

/// Micro-kernel of Engine::convolve_channels: computes `pixels` neighbouring pixels of a row, one vector of channels.
/// x points to the first tap of the first pixel, w to the first tap and y to the first pixel.
template <class V, int pixels, class T>
[[gnu::always_inline]] inline void convolve_pixels(const DepthwiseLayout& l, const T* x, const T* w, T* y) {
  constexpr int pointers = (pixels + pixels_a_pointer - 1) / pixels_a_pointer;
  V sum[pixels];
#pragma GCC unroll 32
  for (int r = 0; r < pixels; ++r) sum[r] = V{};
  for (std::int64_t i = 0; i < l.tap_rows; ++i, x += l.x_tap_row, w += l.w_row) {
    const T* tap[pointers];
#pragma GCC unroll 32
    for (int p = 0; p < pointers; ++p) tap[p] = x + std::int64_t{p} * pixels_a_pointer * l.x_column;
    const T* weights = w;
    for (std::int64_t j = 0; j < l.tap_columns; ++j, weights += l.w_column) {
      const V weight = load<V>(weights);
#pragma GCC unroll 32
      for (int r = 0; r < pixels; ++r) {
        sum[r] += load<V>(tap[r / pixels_a_pointer] + r % pixels_a_pointer * l.x_column) * weight;
      }
#pragma GCC unroll 32
      for (int p = 0; p < pointers; ++p) tap[p] += l.x_tap_column;
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < pixels; ++r) store(y + r * l.y_column, sum[r]);
}

/// Micro-kernel of Engine::add_channel_products: adds the sums over all pixels for a block of taps and one vector of
/// channels. x points to the first of these taps of the first pixel, dw to the first of these taps.
template <class V, int tap_rows, int tap_columns, class T>
[[gnu::always_inline]] inline void add_products_of_taps(const DepthwiseLayout& l, const T* x, const T* dy, T* dw) {
  static_assert(tap_columns <= pixels_a_pointer);
  V sum[tap_rows][tap_columns];
#pragma GCC unroll 4
  for (int a = 0; a < tap_rows; ++a) {
#pragma GCC unroll 4
    for (int b = 0; b < tap_columns; ++b) sum[a][b] = load<V>(dw + a * l.w_row + b * l.w_column);
  }
  for (std::int64_t i = 0; i < l.rows; ++i, x += l.x_row, dy += l.y_row) {
    const T* tap[tap_rows];
#pragma GCC unroll 4
    for (int a = 0; a < tap_rows; ++a) tap[a] = x + a * l.x_tap_row;
    const T* gradient = dy;
    for (std::int64_t j = 0; j < l.columns; ++j, gradient += l.y_column) {
      const V g = load<V>(gradient);
#pragma GCC unroll 4
      for (int a = 0; a < tap_rows; ++a) {
#pragma GCC unroll 4
        for (int b = 0; b < tap_columns; ++b) sum[a][b] += load<V>(tap[a] + b * l.x_tap_column) * g;
        tap[a] += l.x_column;
      }
    }
  }
#pragma GCC unroll 4
  for (int a = 0; a < tap_rows; ++a) {
#pragma GCC unroll 4
    for (int b = 0; b < tap_columns; ++b) store(dw + a * l.w_row + b * l.w_column, sum[a][b]);
  }
}

/// The functions for depthwise convolution in Engine, for vectors of `bytes` bytes and up to `most_pixels` pixels in
/// registers.
template <class T, int bytes, int most_pixels>
struct Depthwise {
  static void convolve(const DepthwiseLayout& l, const T* x, const T* w, T* y) {
    for (std::int64_t i = 0; i < l.rows; ++i, x += l.x_row, y += l.y_row) {
      for_each_tile_of_panels<most_pixels>(l.columns, 0, 1, [&](auto pixels, std::int64_t first, std::int64_t) {
        const T* const in = x + first * l.x_column;
        T* const out = y + first * l.y_column;
        for_each_vector<T, bytes>(l.channels, [&](auto vector, std::int64_t c) {
          convolve_pixels<decltype(vector), pixels>(l, in + c, w + c, out + c);
        });
      });
    }
  }

  /// Walks the taps in blocks of at most 3 x 3, whose sums stay in registers over all pixels.
  static void add_products(const DepthwiseLayout& l, const T* x, const T* dy, T* dw) {
    constexpr int edge = pixels_a_pointer;
    for_each_tile_of_panels<edge>(l.tap_rows, 0, 1, [&](auto tap_rows, std::int64_t a, std::int64_t) {
      for_each_tile_of_panels<edge>(l.tap_columns, 0, 1, [&](auto tap_columns, std::int64_t b, std::int64_t) {
        const T* const in = x + a * l.x_tap_row + b * l.x_tap_column;
        T* const sums = dw + a * l.w_row + b * l.w_column;
        for_each_vector<T, bytes>(l.channels, [&](auto vector, std::int64_t c) {
          add_products_of_taps<decltype(vector), tap_rows, tap_columns>(l, in + c, dy + c, sums + c);
        });
      });
    });
  }
};

}  // namespace xtape::kernels::simd
