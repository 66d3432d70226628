// Matrix products, the work behind dense layers and convolutions.
#pragma once

#include <cstdint>

#include "framework/kernels/engine.hpp"

namespace xtape::kernels {

/// A matrix operand of gemm, row-major: element (i, j) at data[i * stride + j], or at data[j * stride + i] if
/// transposed.
template <class T>
struct MatrixView {
  const T* data;
  std::int64_t stride;
  bool transposed = false;
};

/// C = A B, or C += A B when `accumulate`, with A (m, k), B (k, n) and C (m, n) row-major with rows `c_stride` apart.
/// Spread over the cores in tiles of C that depend on m, n and k alone, so the result is the same for any number of
/// threads. T is float or double. An operation of several products gives all of them the same engines.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView<T> a, MatrixView<T> b, T* c, std::int64_t c_stride,
          bool accumulate = false, const Engines<T>& engines = engines_in_use<T>());

}  // namespace xtape::kernels
