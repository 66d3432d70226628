#include "tests/reference/gemm.hpp"

namespace xtape::reference {

template <class T>
Exact gemm(std::int64_t k, kernels::MatrixView<T> a, kernels::MatrixView<T> b, std::int64_t i, std::int64_t j) {
  Exact sum;
  for (std::int64_t l = 0; l < k; ++l) {
    const long double x = a.transposed ? a.data[l * a.stride + i] : a.data[i * a.stride + l];
    const long double y = b.transposed ? b.data[j * b.stride + l] : b.data[l * b.stride + j];
    sum.add(x * y);
  }
  return sum;
}

template Exact gemm(std::int64_t, kernels::MatrixView<float>, kernels::MatrixView<float>, std::int64_t, std::int64_t);
template Exact gemm(std::int64_t, kernels::MatrixView<double>, kernels::MatrixView<double>, std::int64_t, std::int64_t);

}  // namespace xtape::reference
