// Setup for callers of BLAS or LAPACK. This header does not include cblas.h, which conflicts with the declarations of
// xtensor-blas.
#pragma once

namespace xtape::kernels {

/// Limits OpenBLAS to one thread. Call it before any BLAS or LAPACK function: parallel_for distributes the work, and a
/// second thread pool would compete with it for the same cores.
void keep_blas_single_threaded();

}  // namespace xtape::kernels
