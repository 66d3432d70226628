// What every caller of BLAS or LAPACK does first. Includes no cblas.h, which clashes with the declarations of
// xtensor-blas.
#pragma once

namespace xtape::kernels {

/// BLAS on one thread: parallel_for does the spreading, and two runtimes on the same cores would fight for them.
void keep_blas_single_threaded();

}  // namespace xtape::kernels
