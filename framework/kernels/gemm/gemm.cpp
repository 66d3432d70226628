#include "framework/kernels/gemm/gemm.hpp"

#include <algorithm>

namespace xtape::kernels {

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView<T> a, MatrixView<T> b, T* c, std::int64_t c_stride,
          bool accumulate, const Engines<T>& engines) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (std::int64_t i = 0; i < m && !accumulate; ++i) {
      std::fill_n(c + i * c_stride, n, T{0});
    }
    return;
  }
  const PackSource<T> right{b.data, b.stride, b.transposed};
  if (a.transposed) {
    const auto rows_of_a = [&](std::int64_t, std::int64_t begin, std::int64_t end, const T** out) {
      for (std::int64_t i = begin; i < end; ++i) out[i - begin] = a.data + i * a.stride;
    };
    return multiply<T>({.rows = m,
                        .columns = n,
                        .segments = 1,
                        .depth = k,
                        .a = rows_of_a,
                        .zeros = nullptr,
                        .b = right,
                        .c = c,
                        .c_stride = c_stride,
                        .accumulate = accumulate},
                       engines);
  }
  const auto rows_of_a = [&](std::int64_t begin, std::int64_t end, const Slice& slice, const T** out) {
    for (std::int64_t i = begin; i < end; ++i) out[i - begin] = a.data + i * a.stride + slice.start;
  };
  const auto rows_of_c = [&](std::int64_t begin, std::int64_t end, T** out) {
    for (std::int64_t i = begin; i < end; ++i) out[i - begin] = c + i * c_stride;
  };
  multiply<T>({.rows = m,
               .columns = n,
               .segments = 1,
               .length = k,
               .a = rows_of_a,
               .zeros = nullptr,
               .b = [&](std::int64_t) { return right; },
               .c = rows_of_c,
               .accumulate = accumulate},
              engines);
}

template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixView<float>, MatrixView<float>, float*, std::int64_t,
                   bool, const Engines<float>&);
template void gemm(std::int64_t, std::int64_t, std::int64_t, MatrixView<double>, MatrixView<double>, double*,
                   std::int64_t, bool, const Engines<double>&);

}  // namespace xtape::kernels
