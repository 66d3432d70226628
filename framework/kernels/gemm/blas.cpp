#include "framework/kernels/gemm/blas.hpp"

#include <cblas.h>

namespace xtape::kernels {

void keep_blas_single_threaded() {
  static const bool once = (openblas_set_num_threads(1), true);
  static_cast<void>(once);
}

}  // namespace xtape::kernels
