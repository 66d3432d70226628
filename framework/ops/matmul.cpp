#include "framework/ops/matmul.hpp"

#include <vector>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// An operand: a stack of matrices, and whether each matrix is transposed.
struct Factor {
  const Variable& variable;
  bool transposed;

  const Tensor& value() const { return variable.value(); }
  std::int64_t rows() const { return value().dim(transposed ? -1 : -2); }
  std::int64_t columns() const { return value().dim(transposed ? -2 : -1); }
  Shape batch() const { return value().shape().without(-1).without(-1); }

  /// Matrix number i of the stack.
  template <class T>
  kernels::MatrixView<T> matrix(std::int64_t i) const {
    return {value().data<T>() + i * rows() * columns(), value().dim(-1), transposed};
  }
};

/// The products of all pairs of matrices. Many products run in parallel with one another; few run one after another,
/// each parallelized by gemm.
Tensor products(const Factor& a, const Factor& b) {
  const BroadcastPlan plan("matmul", a.batch(), b.batch());
  std::vector<std::int64_t> extents(plan.output().begin(), plan.output().end());
  extents.insert(extents.end(), {a.rows(), b.columns()});
  Tensor c = Tensor::empty(Shape(extents), a.value().dtype());
  const std::int64_t m = a.rows(), n = b.columns(), k = a.columns();
  with_floating("matmul", a.value().dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* out = c.mutable_data<T>();
    const kernels::Engines<T>& engines = kernels::engines_in_use<T>();
    const auto multiply_range = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto [ia, ib] = plan.offsets(i / plan.inner());
        const std::int64_t j = i % plan.inner();
        kernels::gemm(m, n, k, a.matrix<T>(ia + (plan.a_moves() ? j : 0)), b.matrix<T>(ib + (plan.b_moves() ? j : 0)),
                      out + i * m * n, n, false, engines);
      }
    };
    constexpr std::int64_t many = 8;
    const std::int64_t count = plan.output().size();
    if (count < many) {
      multiply_range(0, count);
    } else {
      const std::int64_t work = std::max<std::int64_t>(1, m * n * k);
      kernels::parallel_for(count, std::max<std::int64_t>(1, elementwise_grain / work), multiply_range);
    }
  });
  return c;
}

/// C = op(A) op(B), where op transposes each matrix or not. Its derivatives are products of the same kind, so that
/// nothing is ever transposed in memory: for C = A B, dA = dC BT; for C = AT B, dA = B dCT; and so on.
Variable product(const Variable& a, bool a_transposed, const Variable& b, bool b_transposed) {
  const auto da = [=, shape = a.shape()](const Variable& dc) {
    return sum_to(a_transposed ? product(b, b_transposed, dc, true) : product(dc, false, b, !b_transposed), shape);
  };
  const auto db = [=, shape = b.shape()](const Variable& dc) {
    return sum_to(b_transposed ? product(dc, true, a, a_transposed) : product(a, !a_transposed, dc, false), shape);
  };
  return record("matmul", products({a, a_transposed}, {b, b_transposed}), {{a, da}, {b, db}});
}

void check_factors(const Shape& a, const Shape& b, DType a_type, DType b_type) {
  check(a.rank() >= 2 && b.rank() >= 2,
        "matmul: expected arrays of 2 axes or more, got {} and {}; reshape a vector to (1, k) or (k, 1)", a, b);
  check(a[-1] == b[-2], "matmul: expected (..., m, k) and (..., k, n), got {} and {}", a, b);
  check(a_type == b_type, "matmul: expected matrices of one type, got {} and {}; convert with .to()", a_type, b_type);
}

}  // namespace

Variable matmul(const Variable& a, const Variable& b) {
  check_factors(a.shape(), b.shape(), a.dtype(), b.dtype());
  if (a.rank() == 2 || b.rank() > 2) return product(a, false, b, false);
  // A stack a with a single matrix b is computed as one tall matrix times b.
  const std::int64_t rows = a.shape().without(-1).size();
  const Variable tall = product(reshape(a, Shape{rows, a.dim(-1)}), false, b, false);
  return reshape(tall, a.shape().replaced(-1, b.dim(-1)));
}

}  // namespace xtape
