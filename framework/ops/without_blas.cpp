// Replaces linear_algebra.cpp in a build without OpenBLAS: every function throws Error.
#include "framework/ops/linear_algebra.hpp"

namespace xtape {
namespace {

[[noreturn]] void refuse(std::string_view function) {
  fail(
      "{}: expected a build of xtape with OpenBLAS, got one without; install libopenblas-dev and libxtensor-blas-dev, "
      "and build xtape with -Dblas=enabled",
      function);
}

}  // namespace

Variable solve(const Variable& /*a*/, const Variable& /*b*/) { refuse("solve"); }
Variable inverse(const Variable& /*a*/) { refuse("inverse"); }
Variable log_determinant(const Variable& /*a*/) { refuse("log_determinant"); }
Variable cholesky(const Variable& /*a*/) { refuse("cholesky"); }

}  // namespace xtape
