// Matrix products by their definition.
#pragma once

#include "framework/kernels/gemm/gemm.hpp"
#include "tests/reference/exact.hpp"

namespace xtape::reference {

/// Element (i, j) of A B with k columns of A.
template <class T>
Exact gemm(std::int64_t k, kernels::MatrixView<T> a, kernels::MatrixView<T> b, std::int64_t i, std::int64_t j);

}  // namespace xtape::reference
