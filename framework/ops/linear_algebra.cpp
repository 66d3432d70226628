#include "framework/ops/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>
#include <xtensor-blas/xlinalg.hpp>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/gemm/blas.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/tensor/xarray.hpp"

namespace xtape {
namespace {

void check_square(std::string_view function, const Variable& a) {
  check(a.rank() >= 2 && a.dim(-1) == a.dim(-2), "{}: expected square matrices (..., n, n), got {}", function,
        a.shape());
}

/// Matrix number i of a stack as an xtensor view.
template <class T>
auto matrix(const Tensor& x, std::int64_t i) {
  const auto rows = static_cast<std::size_t>(x.dim(-2));
  const auto columns = static_cast<std::size_t>(x.dim(-1));
  const T* data = x.data<T>() + i * x.dim(-2) * x.dim(-1);
  return xt::adapt(data, rows * columns, xt::no_ownership(), std::array{rows, columns});
}

/// Calls f(i, zero) for the index i of each matrix of the stack a, where zero has the element type. Converts exceptions
/// of xtensor-blas to Error.
template <class F>
void for_each_matrix(std::string_view function, std::string_view requirement, const Tensor& a, F f) {
  kernels::keep_blas_single_threaded();
  const std::int64_t n = a.dim(-1);
  const std::int64_t count = n == 0 ? 0 : a.size() / (n * n);
  with_floating(function, a.dtype(), [&](auto zero) {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto* first = a.data<decltype(zero)>() + i * n * n;
      const bool finite = std::all_of(first, first + n * n, [](auto value) { return std::isfinite(value); });
      check(finite, "{}: expected finite matrices, got one that is not (number {} of shape {})", function, i,
            a.shape());
      try {
        f(i, zero);
      } catch (const std::runtime_error&) {
        fail("{}: expected {}, got one that is not (number {} of shape {})", function, requirement, i, a.shape());
      }
    }
  });
}

/// Evaluates a matrix expression into matrix number i of a stack.
template <class T, class Expression>
void assign_matrix(Tensor& y, std::int64_t i, const Expression& values) {
  T* out = y.mutable_data<T>() + i * static_cast<std::int64_t>(values.size());
  std::copy(values.template begin<xt::layout_type::row_major>(), values.template end<xt::layout_type::row_major>(),
            out);
}

/// Transposes each matrix of a stack.
Variable matrix_transpose(const Variable& x) {
  std::vector<int> permutation(static_cast<std::size_t>(x.rank()));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation.end()[-1], permutation.end()[-2]);
  return transpose(x, permutation);
}

/// Factors of phi: 1 below the diagonal, 1/2 on it, 0 above.
Tensor lower_with_half_diagonal(std::int64_t n, DType dtype) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) values.push_back(i > j ? 1 : i == j ? 0.5 : 0);
  }
  return Tensor::of({n, n}, values, dtype);
}

}  // namespace

Variable solve(const Variable& a, const Variable& b) {
  check_square("solve", a);
  check_equal_types("solve", a.dtype(), b.dtype());
  if (b.rank() == 1 && a.rank() == 2 && b.dim(0) == a.dim(0))
    return reshape(solve(a, reshape(b, {b.dim(0), 1})), {b.dim(0)});
  check(b.rank() == a.rank() && a.shape().without(-1) == b.shape().without(-1),
        "solve: expected (..., n, n) and (..., n, k), got {} and {}", a.shape(), b.shape());
  Tensor x = Tensor::empty(b.shape(), b.dtype());
  for_each_matrix("solve", "invertible matrices", a.value(), [&](std::int64_t i, auto zero) {
    using T = decltype(zero);
    if (b.dim(-1) > 0) assign_matrix<T>(x, i, xt::linalg::solve(matrix<T>(a.value(), i), matrix<T>(b.value(), i)));
  });
  return record(
      "solve", std::move(x),
      {{a, [a](const Variable& dx,
               const Variable& out) { return negate(matmul(solve(matrix_transpose(a), dx), matrix_transpose(out))); }},
       {b, [a](const Variable& dx) { return solve(matrix_transpose(a), dx); }}});
}

Variable inverse(const Variable& a) {
  check_square("inverse", a);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  for_each_matrix("inverse", "invertible matrices", a.value(), [&](std::int64_t i, auto zero) {
    using T = decltype(zero);
    assign_matrix<T>(y, i, xt::linalg::inv(matrix<T>(a.value(), i)));
  });
  return record("inverse", std::move(y), {{a, [](const Variable& dy, const Variable& out) {
                                             const Variable transposed = matrix_transpose(out);
                                             return negate(matmul(transposed, matmul(dy, transposed)));
                                           }}});
}

Variable log_determinant(const Variable& a) {
  check_square("log_determinant", a);
  const Shape stack = a.shape().without(-1).without(-1);
  Tensor y = Tensor::zeros(stack, a.dtype());
  for_each_matrix("log_determinant", "invertible matrices", a.value(), [&](std::int64_t i, auto zero) {
    using T = decltype(zero);
    const T logarithm = std::get<1>(xt::linalg::slogdet(matrix<T>(a.value(), i)));
    if (std::isinf(logarithm) && logarithm < 0) throw std::runtime_error("singular");
    y.mutable_data<T>()[i] = logarithm;
  });
  return record("log_determinant", std::move(y), {{a, [a](const Variable& dy) {
                                                     Shape ones = a.shape().replaced(-1, 1).replaced(-2, 1);
                                                     return reshape(dy, ones) * matrix_transpose(inverse(a));
                                                   }}});
}

Variable cholesky(const Variable& a) {
  check_square("cholesky", a);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  for_each_matrix("cholesky", "positive definite matrices", a.value(), [&](std::int64_t i, auto zero) {
    using T = decltype(zero);
    if (a.dim(-1) > 1) return assign_matrix<T>(y, i, xt::linalg::cholesky(matrix<T>(a.value(), i)));
    const T value = a.value().data<T>()[i];  // xtensor-blas requires more than one row
    if (value <= 0) throw std::runtime_error("not positive");
    y.mutable_data<T>()[i] = std::sqrt(value);
  });
  return record("cholesky", std::move(y), {{a, [](const Variable& dy, const Variable& out) {
                                              const Variable upper = matrix_transpose(out);
                                              const Tensor phi = lower_with_half_diagonal(out.dim(-1), out.dtype());
                                              const Variable p = matmul(upper, dy) * phi;
                                              const Variable left = solve(upper, p);                    // y^-T p
                                              const Variable s = solve(upper, matrix_transpose(left));  // sT
                                              return (s + matrix_transpose(s)) * 0.5;
                                            }}});
}

}  // namespace xtape
