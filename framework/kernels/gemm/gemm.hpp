// Matrix products (GEMM).
#pragma once

#include <cstdint>

#include "framework/kernels/gemm/product.hpp"

namespace xtape::kernels {

/// A row-major operand of gemm. Element (i, j) is at data[i * stride + j], or at data[j * stride + i] if transposed.
template <class T>
struct MatrixView {
  const T* data;
  std::int64_t stride;
  bool transposed = false;
};

/// C = A B, or C += A B if `accumulate`, with A (m, k), B (k, n) and row-major C (m, n) with rows `c_stride` apart. How
/// a number is computed depends on m, n and k alone, so the result does not depend on the number of threads.
/// T is float or double. An operation that consists of several products passes the same `engines` to all of them.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView<T> a, MatrixView<T> b, T* c, std::int64_t c_stride,
          bool accumulate = false, const Engines<T>& engines = engines_in_use<T>());

}  // namespace xtape::kernels
