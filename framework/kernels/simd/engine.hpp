// The inner loops of matrix products and convolutions: written once (simd/), compiled for several instruction sets,
// chosen when the program runs.
#pragma once

#include <cstdint>
#include <type_traits>

#include "framework/kernels/simd/instruction_set.hpp"

namespace xtape::kernels {

/// C = A B, or C += A B, for a block of rows. A row of A is `segments` runs of `length` values anywhere in memory: one
/// run for a matrix, one for each tap of the window for a convolution.
template <class T>
struct RowProducts {
  std::int64_t rows, columns;     // of C
  std::int64_t segments, length;  // of a row of A
  const T* const* a;              // run s of row i at a[i * segments + s]
  const T* zeros;                 // where runs on padding point; a tile whose rows all do is skipped
  const T* b;                     // packed: panels of tile_columns columns, each (segments * length, tile_columns)
  T* const* c;                    // row i of C at c[i]
  bool accumulate;
};

/// C = sum over k of a_k b_k^T, or C +=, where a_k has `rows` values and b_k is row k of B.
template <class T>
struct OuterProducts {
  std::int64_t rows, columns;  // of C
  const T* const* a;           // a_k at a[k]
  const std::int64_t* runs;    // the k to add: from runs[2 i] up to runs[2 i + 1]
  std::int64_t run_count;
  const T* b;  // packed: panels of tile_columns columns, each (depth, tile_columns)
  std::int64_t depth;
  T* c;
  std::int64_t c_stride;
  bool accumulate;
};

/// What the pixels of an output read from padded images: `segments` runs of `length` values, one for each row of the
/// kernel. From one row of pixels, pixel and segment to the next it is always the same way.
template <class T>
struct StripInput {
  const T* data;
  std::int64_t row, pixel, segment;
  std::int64_t segments, length;
};

/// C = A B for `rows` rows of `pixels` pixels, whose rows of A are what they read.
template <class T>
struct StripProducts {
  std::int64_t rows, pixels, columns;
  StripInput<T> input;
  const T* b;  // packed: panels of tile_columns columns, each (segments * length, tile_columns)
  T* c;
  std::int64_t c_row, c_pixel;
};

/// C = sum of a b^T, or C +=, over the same pixels, where a are the values that a pixel reads and b is its row of B.
template <class T>
struct StripSums {
  std::int64_t rows, pixels, columns;
  StripInput<T> input;
  const T* b;                     // whole vectors can be read, also of the last columns
  std::int64_t b_pixel, b_panel;  // from one pixel (row after row) and panel of tile_columns columns to the next
  T* c;                           // (segments * length, columns)
  bool accumulate;
};

/// What the pixels of one output row read in a depthwise convolution: `rows` x `columns` taps, the distances between
/// neighbouring taps in a column and in a row of taps, and the distance from one output pixel to the next.
template <class T>
struct DepthwiseInput {
  const T* data;  // the first channel of the first tap of the first pixel
  std::int64_t rows, columns;
  std::int64_t row, column, pixel;
};

/// y = sum over the taps of x w, channel by channel, for `pixels` pixels of one output row.
template <class T>
struct DepthwiseRow {
  std::int64_t pixels, channels;
  DepthwiseInput<T> x;
  const T* w;
  std::int64_t w_row, w_column;
  T* y;
  std::int64_t y_pixel;
};

/// dw += sum over `lines` rows of `pixels` pixels of x dy, channel by channel, for each tap.
template <class T>
struct DepthwiseSums {
  std::int64_t lines, pixels, channels;
  DepthwiseInput<T> x;
  std::int64_t x_line;
  const T* dy;
  std::int64_t dy_line, dy_pixel;
  T* dw;
  std::int64_t dw_row, dw_column;
};

/// A matrix to be packed: element (i, j) at data[i * stride + j], or at data[j * stride + i] if transposed.
template <class T>
struct PackSource {
  const T* data;
  std::int64_t stride;
  bool transposed;

  /// The matrix from element (row, column) on.
  PackSource from(std::int64_t row, std::int64_t column) const {
    return {data + (transposed ? column * stride + row : row * stride + column), stride, transposed};
  }
};

/// A transform of Winograd's: from a square patch of arrays of `count` channels, in[i * size + j] for row i and column
/// j, to another one.
template <class T>
using PatchTransform = void (*)(const T* const* in, T* const* out, std::int64_t count);

/// |x| as an integer, which orders numbers by size and puts infinity and then NaN above them.
template <class T>
using SizeBits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

/// Of the sizes in each of `count` columns: the largest, the sum of the exponents as they are stored, and how many are
/// not 0.
template <class T>
struct ColumnSizes {
  std::int64_t count;
  SizeBits<T>*most, *exponents, *nonzero;
};

/// What an instruction set brings, for T float or double. The functions run on the calling thread.
template <class T>
struct Engine {
  std::int64_t tile_rows, tile_columns;  ///< the part of C that is kept in registers
  std::int64_t vector_columns;           ///< the same of a last panel that has no more columns
  void (*multiply_rows)(const RowProducts<T>&);
  void (*add_outer_products)(const OuterProducts<T>&);
  void (*multiply_strips)(const StripProducts<T>&);
  void (*add_strip_products)(const StripSums<T>&);
  void (*multiply_depthwise)(const DepthwiseRow<T>&);
  void (*add_depthwise_products)(const DepthwiseSums<T>&);
  /// Rows of B as panels of tile_columns columns, panel_stride values apart, the last one filled up with zeros.
  void (*pack)(PackSource<T> b, std::int64_t rows, std::int64_t columns, T* panels, std::int64_t panel_stride);
  PatchTransform<T> winograd_input;            ///< 6x6 pixels to 6x6
  PatchTransform<T> winograd_weights;          ///< 3x3 weights to 6x6
  PatchTransform<T> winograd_output;           ///< 6x6 to 4x4 pixels
  PatchTransform<T> winograd_output_gradient;  ///< 4x4 pixels to 6x6
  PatchTransform<T> winograd_weight_gradient;  ///< 6x6 to 3x3 weights
  /// The largest size in each of the rows of x (rows, columns.count). Columns get what these rows add to them.
  void (*measure)(const T* x, std::int64_t rows, const ColumnSizes<T>& columns, SizeBits<T>* of_rows);
};

/// What kernels choose from while an instruction set is in use. An operation asks once for it, with engines_in_use, and
/// passes it on: another thread may choose another instruction set meanwhile.
template <class T>
struct Engines {
  const Engine<T>*narrow, *wide;  ///< by their vectors; the same one where there is no choice

  /// For a product whose C has that many columns, and rows and depth where these may be small. The choice depends on
  /// the shape of the whole product, so that a result does not depend on how work is cut.
  const Engine<T>& best_for(std::int64_t columns, std::int64_t rows = many, std::int64_t depth = many) const;
  static constexpr std::int64_t many = 1 << 20;
};
template <class T>
const Engines<T>& engines_in_use();

}  // namespace xtape::kernels
