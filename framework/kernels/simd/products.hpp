// The micro-kernels of matrix products, after Goto and van de Geijn: Anatomy of High-Performance Matrix Multiplication,
// 2008. Unlike there, A is not packed: the micro-kernels read it in place, through an indirection buffer. product.cpp
// defines the blocking (MR, NR, KC, MC, NC).
#pragma once

#include <type_traits>

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/simd/vector.hpp"

namespace xtape::kernels::simd {

/// A register tile: a block of C, `rows` rows by `vectors` vectors, that is accumulated in registers.
template <class V, int rows, int vectors>
struct Tile {
  static constexpr int lanes = sizeof(V) / sizeof(V{}[0]);
  static constexpr int columns = vectors * lanes;
  V sum[rows][vectors];

  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = V{};
    }
  }

  /// Adds the outer product of a column of A, whose value in row r is a(r), and a row of B at `b`.
  template <class A, class T>
  [[gnu::always_inline]] void add(const A& a, const T* b) {
    V row[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) row[v] = load<V>(b + v * lanes);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      const V x = broadcast<V>(a(r));
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] += x * row[v];
    }
  }

  /// Writes the first `width` columns of the tile to C, row r at c(r). Adds to C if `accumulate`.
  template <class C>
  [[gnu::always_inline]] void write(const C& c, std::int64_t width, bool accumulate) {
    if (width < columns) return write_part(c, width, accumulate);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        if (accumulate) sum[r][v] += load<V>(c(r) + v * lanes);
        store(c(r) + v * lanes, sum[r][v]);
      }
    }
  }

 private:
  template <class C>
  void write_part(const C& c, std::int64_t width, bool accumulate) {
    using T = std::remove_reference_t<decltype(*c(0))>;
    for (int r = 0; r < rows; ++r) {
      T row[columns];
      for (int v = 0; v < vectors; ++v) store(row + v * lanes, sum[r][v]);
      for_each_vector<T, sizeof(V)>(width, [&, to = c(r)](auto vector, std::int64_t j) {
        vector = load<decltype(vector)>(row + j);
        if (accumulate) vector += load<decltype(vector)>(to + j);
        store(to + j, vector);
      });
    }
  }
};

/// Prefetches the cache lines of `count` values that will be written soon.
template <std::int64_t count, class T>
[[gnu::always_inline]] inline void prefetch_to_write(const T* p) {
  constexpr std::int64_t line = 64 / sizeof(T);
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < count; i += line) __builtin_prefetch(p + i, 1);
}

/// Micro-kernel of RowProducts: computes rows [row, row + rows) of C and the columns of one panel. `width` is the width
/// of the panels of B (NR); a tile with fewer vectors uses the left part of a panel. A segment in which all rows are
/// padding is skipped.
template <class T, class V, int rows, int vectors, int width>
void multiply_tile(const RowProducts<T>& p, std::int64_t row, std::int64_t panel) {
  using Registers = Tile<V, rows, vectors>;
  Registers tile;
  tile.clear();
  const std::int64_t column = panel * width;
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r) prefetch_to_write<Registers::columns>(p.c[row + r] + column);
  const T* b = p.b + panel * p.segments * p.length * width;
  for (std::int64_t s = 0; s < p.segments; ++s, b += p.length * width) {
    const T* a[rows];
    bool padding = true;
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r) {
      a[r] = p.a[(row + r) * p.segments + s];
      padding = padding && a[r] == p.zeros;
    }
    if (padding) continue;
    for (std::int64_t k = 0; k < p.length; ++k) {
      tile.add([&](int r) { return a[r][k]; }, b + k * width);
    }
  }
  tile.write([&](int r) { return p.c[row + r] + column; }, p.columns - column, p.accumulate);
}

/// Micro-kernel of OuterProducts: computes rows [row, row + rows) of C and the columns of one panel.
template <class T, class V, int rows, int vectors, int width>
void add_outer_products_tile(const OuterProducts<T>& p, std::int64_t row, std::int64_t panel) {
  using Registers = Tile<V, rows, vectors>;
  Registers tile;
  tile.clear();
  const std::int64_t column = panel * width;
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r) prefetch_to_write<Registers::columns>(p.c + (row + r) * p.c_stride + column);
  const T* b = p.b + panel * p.depth * width;
  for (std::int64_t i = 0; i < p.run_count; ++i) {
    for (std::int64_t k = p.runs[2 * i]; k < p.runs[2 * i + 1]; ++k) {
      const T* a = p.a[k] + row;
      tile.add([a](int r) { return a[r]; }, b + k * width);
    }
  }
  tile.write([&](int r) { return p.c + (row + r) * p.c_stride + column; }, p.columns - column, p.accumulate);
}

/// Calls f(height) with the height as a compile-time constant. It is at most `most`; f is not called for 0.
template <int most, class F>
void with_height(std::int64_t height, const F& f) {
  if constexpr (most > 0) {
    if (height == most) return f(std::integral_constant<int, most>{});
    with_height<most - 1>(height, f);
  }
}

/// Calls f(height, row, panel) for all tiles of the panels [first, last). The order is panel by panel, so that a panel
/// of B stays in the first-level cache while the loop runs over the rows of A. If the rows are no multiple of
/// tile_rows, the last two tiles of a panel share the remaining rows: a tile of very few rows has too few independent
/// sums to hide the latency of the multiply-add units.
template <int tile_rows, class F>
void for_each_tile_of_panels(std::int64_t rows, std::int64_t first, std::int64_t last, const F& f) {
  const std::int64_t left = rows % tile_rows;
  const std::int64_t whole = rows - left - (left > 0 && rows > tile_rows ? tile_rows : 0);
  const std::int64_t upper = rows - whole > tile_rows ? (rows - whole + 1) / 2 : rows - whole;
  for (std::int64_t panel = first; panel < last; ++panel) {
    for (std::int64_t row = 0; row < whole; row += tile_rows) f(std::integral_constant<int, tile_rows>{}, row, panel);
    with_height<tile_rows>(upper, [&](auto height) { f(height, whole, panel); });
    with_height<tile_rows>(rows - whole - upper, [&](auto height) { f(height, whole + upper, panel); });
  }
}

/// Calls f(height, vectors, row, panel) for all tiles of a C with `rows` rows and `columns` columns. Tiles have
/// `vectors` vectors of `lanes` lanes and up to `tile_rows` rows. If the last panel has no more columns than one
/// vector, its tiles have one vector and up to `narrow_rows` rows.
template <int tile_rows, int narrow_rows, int vectors, int lanes, class F>
void for_each_tile(std::int64_t rows, std::int64_t columns, const F& f) {
  constexpr std::int64_t tile_columns = std::int64_t{vectors} * lanes;
  const std::int64_t panels = (columns + tile_columns - 1) / tile_columns;
  const std::int64_t wide = (columns + tile_columns - lanes - 1) / tile_columns;
  for_each_tile_of_panels<tile_rows>(rows, 0, wide, [&f](auto height, std::int64_t row, std::int64_t panel) {
    f(height, std::integral_constant<int, vectors>{}, row, panel);
  });
  for_each_tile_of_panels<narrow_rows>(rows, wide, panels, [&f](auto height, std::int64_t row, std::int64_t panel) {
    f(height, std::integral_constant<int, 1>{}, row, panel);
  });
}

/// The functions for products and packing in Engine, for vectors of `bytes` bytes and register tiles of `tile_rows`
/// rows by `vectors` vectors.
template <class T, int bytes, int tile_rows, int vectors>
struct Products {
  using V = Vector<T, bytes>;
  static constexpr int lanes = bytes / static_cast<int>(sizeof(T));
  static constexpr int tile_columns = vectors * lanes;

  // The height of narrow tiles is limited by the registers for the pointers to the rows of A here, and by the registers
  // for the sums in add_outer_products.
  static void multiply_rows(const RowProducts<T>& p) {
    for_each_tile<tile_rows, 8, vectors, lanes>(
        p.rows, p.columns, [&p](auto rows, auto tile_vectors, std::int64_t row, std::int64_t panel) {
          multiply_tile<T, V, rows, tile_vectors, tile_columns>(p, row, panel);
        });
  }
  static void add_outer_products(const OuterProducts<T>& p) {
    for_each_tile<tile_rows, 2 * tile_rows, vectors, lanes>(
        p.rows, p.columns, [&p](auto rows, auto tile_vectors, std::int64_t row, std::int64_t panel) {
          add_outer_products_tile<T, V, rows, tile_vectors, tile_columns>(p, row, panel);
        });
  }

  static void pack(PackSource<T> b, std::int64_t rows, std::int64_t columns, T* panels, std::int64_t panel_stride) {
    const std::int64_t whole = columns / tile_columns;
    if (b.transposed) {
      for (std::int64_t j = 0; j < whole; ++j) {
        pack_transposed(b.data + j * tile_columns * b.stride, b.stride, rows, tile_columns, panels + j * panel_stride);
      }
    } else {
      std::int64_t j = 0;
      for (; j + 4 <= whole; j += 4)
        pack_rows<4>(b.data + j * tile_columns, b.stride, rows, panels + j * panel_stride, panel_stride);
      for (; j + 2 <= whole; j += 2)
        pack_rows<2>(b.data + j * tile_columns, b.stride, rows, panels + j * panel_stride, panel_stride);
      if (j < whole) pack_rows<1>(b.data + j * tile_columns, b.stride, rows, panels + j * panel_stride, panel_stride);
    }
    const std::int64_t column = whole * tile_columns;
    if (column < columns) pack_part(b, rows, column, columns - column, panels + whole * panel_stride);
  }

 private:
  /// Packs several adjacent panels at once, so that each row is read in one long piece. Prefetches rows that come
  /// later, because rows are too far apart for the hardware prefetcher.
  template <int panel_count>
  static void pack_rows(const T* from, std::int64_t stride, std::int64_t rows, T* panels, std::int64_t panel_stride) {
    constexpr std::int64_t ahead = 12, line = 64 / sizeof(T);
    for (std::int64_t i = 0; i < rows; ++i, from += stride) {
      if (i + ahead < rows) {
        for (std::int64_t j = 0; j < std::int64_t{panel_count} * tile_columns; j += line)
          __builtin_prefetch(from + ahead * stride + j);
      }
#pragma GCC unroll 4
      for (int p = 0; p < panel_count; ++p) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          store(panels + p * panel_stride + i * tile_columns + v * lanes, load<V>(from + p * tile_columns + v * lanes));
        }
      }
    }
  }

  /// Packs an incomplete last panel, `width` columns from `column` on, and fills the rest with zeros.
  static void pack_part(PackSource<T> b, std::int64_t rows, std::int64_t column, std::int64_t width, T* panel) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (int v = 0; v < vectors; ++v) store(panel + i * tile_columns + v * lanes, V{});
    }
    if (b.transposed) return pack_transposed(b.data + column * b.stride, b.stride, rows, width, panel);
    const T* from = b.data + column;
    for (std::int64_t i = 0; i < rows; ++i, from += b.stride, panel += tile_columns) {
      for_each_vector<T, bytes>(
          width, [from, panel](auto vector, std::int64_t j) { store(panel + j, load<decltype(vector)>(from + j)); });
    }
  }

  /// Packs a transposed source: column j of the panel is a row of the source. Squares of elements are transposed in
  /// registers.
  static void pack_transposed(const T* from, std::int64_t stride, std::int64_t rows, std::int64_t width, T* panel) {
    for_each_vector<T, bytes>(width, [=](auto vector, std::int64_t j) {
      using Row = decltype(vector);
      constexpr int edge = lanes_of<Row>;
      std::int64_t i = 0;
      for (; i + edge <= rows; i += edge) {
        Row square[edge];
#pragma GCC unroll 16
        for (int c = 0; c < edge; ++c) square[c] = load<Row>(from + (j + c) * stride + i);
        transpose(square);
#pragma GCC unroll 16
        for (int r = 0; r < edge; ++r) store(panel + (i + r) * tile_columns + j, square[r]);
      }
      for (; i < rows; ++i) {
        for (int c = 0; c < edge; ++c) panel[i * tile_columns + j + c] = from[(j + c) * stride + i];
      }
    });
  }
};

}  // namespace xtape::kernels::simd
