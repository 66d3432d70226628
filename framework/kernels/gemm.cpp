#include "framework/kernels/gemm.hpp"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "framework/error.hpp"
#include "framework/kernels/blas.hpp"
#include "framework/kernels/parallel.hpp"

namespace xtape::kernels {

void keep_blas_single_threaded() {
  static const bool once = (openblas_set_num_threads(1), true);
  static_cast<void>(once);
}

namespace {

/// An extent as BLAS takes it.
int blas_int(std::int64_t value) {
  check(value <= std::numeric_limits<int>::max(),
        "gemm: expected extents and strides below 2^31, got {}; use a smaller batch", value);
  return static_cast<int>(value);
}

CBLAS_TRANSPOSE order(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

void blas_gemm(int m, int n, int k, MatrixView<float> a, MatrixView<float> b, float beta, float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, order(a.transposed), order(b.transposed), m, n, k, 1.0F, a.data, blas_int(a.stride),
              b.data, blas_int(b.stride), beta, c, ldc);
}

void blas_gemm(int m, int n, int k, MatrixView<double> a, MatrixView<double> b, double beta, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, order(a.transposed), order(b.transposed), m, n, k, 1.0, a.data, blas_int(a.stride), b.data,
              blas_int(b.stride), beta, c, ldc);
}

/// Edge of a tile along one side of C: up to 8 tiles, an even number so that two cores share them, and none so narrow
/// that packing the other operand costs more than it brings.
std::int64_t tile_edge(std::int64_t extent) {
  std::int64_t tiles = std::clamp<std::int64_t>(extent / 96, 1, 8);
  if (tiles > 1) tiles -= tiles % 2;
  return ((extent + tiles - 1) / tiles + 7) / 8 * 8;
}

}  // namespace

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView<T> a, MatrixView<T> b, T* c, std::int64_t c_stride,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (std::int64_t i = 0; i < m && !accumulate; ++i) std::fill_n(c + i * c_stride, n, T{0});
    return;
  }
  keep_blas_single_threaded();
  const bool small = m * n * k < 32 * 32 * 64;
  const bool tall = m >= n;  // cut the longer side of C, so that the shorter operand is packed once a tile
  const std::int64_t rows = small || !tall ? m : tile_edge(m);
  const std::int64_t columns = small || tall ? n : tile_edge(n);
  const std::int64_t row_tiles = (m + rows - 1) / rows;
  const std::int64_t column_tiles = (n + columns - 1) / columns;
  parallel_for(row_tiles * column_tiles, 1, [&](std::int64_t tile, std::int64_t) {
    const std::int64_t i = tile / column_tiles * rows;
    const std::int64_t j = tile % column_tiles * columns;
    MatrixView<T> a_part = a;
    MatrixView<T> b_part = b;
    a_part.data += a.transposed ? i : i * a.stride;
    b_part.data += b.transposed ? j * b.stride : j;
    blas_gemm(blas_int(std::min(rows, m - i)), blas_int(std::min(columns, n - j)), blas_int(k), a_part, b_part,
              accumulate ? T{1} : T{0}, c + i * c_stride + j, blas_int(c_stride));
  });
}

template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixView<float>, MatrixView<float>, float*, std::int64_t,
                   bool);
template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixView<double>, MatrixView<double>, double*,
                   std::int64_t, bool);

}  // namespace xtape::kernels
