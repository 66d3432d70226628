// The micro-kernels of strip convolutions (see kernels/convolution/strips.hpp). The inputs of neighbouring pixels are a
// constant distance apart, so a tile needs no indirection buffer: the addressing modes of the load instructions compute
// addresses.
#pragma once

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/products.hpp"

namespace xtape::kernels::simd {

/// The number of tile rows that share a pointer register. Their offsets, 0, 1 and 2 times the distance of two pixels,
/// are part of an x86 address.
inline constexpr int rows_a_pointer = 3;

/// Micro-kernel of StripProducts: computes `pixels` neighbouring pixels of one output row, in the columns of one panel.
template <class T, class V, int pixels, int vectors, int width>
void multiply_strip_tile(const StripProducts<T>& p, std::int64_t row, std::int64_t pixel, std::int64_t panel) {
  constexpr int pointers = (pixels + rows_a_pointer - 1) / rows_a_pointer;
  using Registers = Tile<V, pixels, vectors>;
  Registers tile;
  tile.clear();
  const std::int64_t column = panel * width;
  T* const c = p.c + row * p.c_row + pixel * p.c_pixel + column;
#pragma GCC unroll 32
  for (int r = 0; r < pixels; ++r) prefetch_to_write<Registers::columns>(c + r * p.c_pixel);
  const std::int64_t step = p.input.pixel;
  const T* first = p.input.data + row * p.input.row + pixel * step;
  const T* b = p.b + panel * p.input.segments * p.input.length * width;
  for (std::int64_t s = 0; s < p.input.segments; ++s, first += p.input.segment) {
    const T* a[pointers];
#pragma GCC unroll 32
    for (int i = 0; i < pointers; ++i) a[i] = first + std::int64_t{i} * rows_a_pointer * step;
    for (std::int64_t k = 0; k < p.input.length; ++k, b += width) {
      tile.add([&](int r) { return a[r / rows_a_pointer][r % rows_a_pointer * step]; }, b);
#pragma GCC unroll 32
      for (int i = 0; i < pointers; ++i) ++a[i];
    }
  }
  tile.write([&](int r) { return c + r * p.c_pixel; }, p.columns - column, false);
}

/// Micro-kernel of StripSums: computes the sum over all pixels for `rows` values of a segment from `value` on, in the
/// columns of one panel.
template <class T, class V, int rows, int vectors, int width>
void add_strip_products_tile(const StripSums<T>& p, std::int64_t segment, std::int64_t value, std::int64_t panel) {
  using Registers = Tile<V, rows, vectors>;
  Registers tile;
  tile.clear();
  const T* b = p.b + panel * p.b_panel;
  for (std::int64_t i = 0; i < p.rows; ++i) {
    const T* a = p.input.data + i * p.input.row + segment * p.input.segment + value;
    for (std::int64_t j = 0; j < p.pixels; ++j, a += p.input.pixel, b += p.b_pixel) {
      tile.add([a](int r) { return a[r]; }, b);
    }
  }
  const std::int64_t column = panel * width;
  T* const c = p.c + (segment * p.input.length + value) * p.columns + column;
  tile.write([&](int r) { return c + r * p.columns; }, p.columns - column, p.accumulate);
}

/// The functions for strips in Engine, for vectors of `bytes` bytes and register tiles of `tile_rows` rows by `vectors`
/// vectors.
template <class T, int bytes, int tile_rows, int vectors>
struct Strips {
  using V = Vector<T, bytes>;
  static constexpr int lanes = bytes / static_cast<int>(sizeof(T));
  static constexpr int tile_columns = vectors * lanes;

  static void multiply(const StripProducts<T>& p) {
    for_each_tile<tile_rows, 2 * tile_rows, vectors, lanes>(
        p.pixels, p.columns, [&p](auto pixels, auto tile_vectors, std::int64_t pixel, std::int64_t panel) {
          for (std::int64_t row = 0; row < p.rows; ++row) {
            multiply_strip_tile<T, V, pixels, tile_vectors, tile_columns>(p, row, pixel, panel);
          }
        });
  }
  static void add_products(const StripSums<T>& p) {
    for (std::int64_t s = 0; s < p.input.segments; ++s) {
      for_each_tile<tile_rows, 2 * tile_rows, vectors, lanes>(
          p.input.length, p.columns, [&p, s](auto rows, auto tile_vectors, std::int64_t value, std::int64_t panel) {
            add_strip_products_tile<T, V, rows, tile_vectors, tile_columns>(p, s, value, panel);
          });
    }
  }
};

}  // namespace xtape::kernels::simd
