// Engine: the micro-kernels for one instruction set. They are written once, compiled for several instruction sets, and
// chosen at run time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "framework/kernels/simd/instruction_set.hpp"

namespace xtape::kernels {

/// The arguments of multiply_rows: C = A B, or C += A B if `accumulate`, for a block of rows. A row of A consists of
/// `segments` runs of `length` values, each anywhere in memory. A matrix has one run per row, a convolution one per
/// tap.
template <class T>
struct RowProducts {
  std::int64_t rows, columns;     // extents of C
  std::int64_t segments, length;  // number and length of the runs in a row of A
  const T* const* a;              // run s of row i begins at a[i * segments + s]
  const T* zeros;  // target of runs on padding; a segment that is padding in all rows of a tile is skipped
  const T* b;      // packed: panels of tile_columns columns, each (segments * length, tile_columns)
  T* const* c;     // row i of C begins at c[i]
  bool accumulate;
};

/// The arguments of add_outer_products: C = sum over k of a_k b_k^T, or C += this sum if `accumulate`. a_k has `rows`
/// values, and b_k is row k of B.
template <class T>
struct OuterProducts {
  std::int64_t rows, columns;  // extents of C
  const T* const* a;           // a_k begins at a[k]
  const std::int64_t* runs;    // the ranges of k in the sum: [runs[2 i], runs[2 i + 1])
  std::int64_t run_count;
  const T* b;  // packed: panels of tile_columns columns, each (depth, tile_columns)
  std::int64_t depth;
  T* c;
  std::int64_t c_stride;
  bool accumulate;
};

/// The input of a strip convolution, a padded copy of image rows. An output pixel reads `segments` runs of `length`
/// values, one for each row of the kernel. `row`, `pixel` and `segment` are the distances in memory from one output
/// row, output pixel and segment to the next.
template <class T>
struct StripInput {
  const T* data;
  std::int64_t row, pixel, segment;
  std::int64_t segments, length;
};

/// The arguments of multiply_strips: C = A B for `rows` rows of `pixels` output pixels. The row of A for a pixel
/// consists of the values that it reads.
template <class T>
struct StripProducts {
  std::int64_t rows, pixels, columns;
  StripInput<T> input;
  const T* b;  // packed: panels of tile_columns columns, each (segments * length, tile_columns)
  T* c;
  std::int64_t c_row, c_pixel;
};

/// The arguments of add_strip_products: C = sum of a b^T over the same pixels, or C += this sum if `accumulate`. a
/// contains the values that a pixel reads, and b is its row of B.
template <class T>
struct StripSums {
  std::int64_t rows, pixels, columns;
  StripInput<T> input;
  const T* b;                     // whole vectors must be readable, also in the last columns
  std::int64_t b_pixel, b_panel;  // distances of pixels (row after row) and of panels of tile_columns columns
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

/// A matrix to be packed. Element (i, j) is at data[i * stride + j], or at data[j * stride + i] if transposed.
template <class T>
struct PackSource {
  const T* data;
  std::int64_t stride;
  bool transposed;

  /// The part of the matrix that begins at element (row, column).
  PackSource from(std::int64_t row, std::int64_t column) const {
    return {data + (transposed ? column * stride + row : row * stride + column), stride, transposed};
  }
};

/// A transform of Winograd's method from one square patch to another. in[i * size + j] points to the `count` channels
/// of the pixel in row i and column j, and `out` likewise.
template <class T>
using PatchTransform = void (*)(const T* const* in, T* const* out, std::int64_t count);

/// The bits of |x| as an integer. They order values by size: finite numbers, then infinity, then NaN.
template <class T>
using SizeBits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

/// Statistics of the sizes in each of `count` columns: the largest size, the sum of the stored (biased) exponents, and
/// the number of sizes that are not 0.
template <class T>
struct ColumnSizes {
  std::int64_t count;
  SizeBits<T>*most, *exponents, *nonzero;
};

/// The micro-kernels for one instruction set, for T float or double. The functions run on the calling thread.
template <class T>
struct Engine {
  std::int64_t tile_rows, tile_columns;  ///< the register tile of C (MR and NR)
  std::int64_t vector_columns;           ///< columns of the tile for a last panel with at most so many columns
  void (*multiply_rows)(const RowProducts<T>&);
  void (*add_outer_products)(const OuterProducts<T>&);
  void (*multiply_strips)(const StripProducts<T>&);
  void (*add_strip_products)(const StripSums<T>&);
  void (*multiply_depthwise)(const DepthwiseRow<T>&);
  void (*add_depthwise_products)(const DepthwiseSums<T>&);
  /// Packs rows of B into panels of tile_columns columns, panel_stride values apart. The last panel is filled with
  /// zeros.
  void (*pack)(PackSource<T> b, std::int64_t rows, std::int64_t columns, T* panels, std::int64_t panel_stride);
  PatchTransform<T> winograd_input;            ///< 6x6 input pixels to 6x6
  PatchTransform<T> winograd_weights;          ///< 3x3 weights to 6x6
  PatchTransform<T> winograd_output;           ///< 6x6 products to 4x4 output pixels
  PatchTransform<T> winograd_output_gradient;  ///< gradients of 4x4 output pixels to 6x6
  PatchTransform<T> winograd_weight_gradient;  ///< 6x6 products to gradients of 3x3 weights
  /// Writes the largest size in each row of x (rows, columns.count) to `of_rows`, and updates the statistics of the
  /// columns with these rows.
  void (*measure)(const T* x, std::int64_t rows, const ColumnSizes<T>& columns, SizeBits<T>* of_rows);
};

/// The engines that kernels may use with the current instruction set. An operation calls engines_in_use once and passes
/// the result to all its parts, because another thread may change the instruction set in the meantime.
template <class T>
struct Engines {
  const Engine<T>*narrow, *wide;  ///< for narrow and wide vectors; may be the same engine
  /// Whether the processor computes a wide vector in the time of a narrow one. Some compute it in two halves.
  bool wide_is_as_fast = true;

  /// The faster engine for a product of this shape. Where wide vectors are not as fast, small `rows` and `depth`
  /// matter too. Both engines give the same bits.
  const Engine<T>& best_for(std::int64_t columns, std::int64_t rows = many, std::int64_t depth = many) const;
  static constexpr std::int64_t many = 1 << 20;
};
template <class T>
const Engines<T>& engines_in_use();

}  // namespace xtape::kernels
