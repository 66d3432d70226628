#include <algorithm>
#include <numeric>

#include "framework/ops/ops.hpp"
#include "tests/gradcheck/gradient_rows.hpp"

namespace xtape::test {
namespace {

using V = const Variable&;
using Axes = std::vector<int>;
using Extents = std::vector<std::int64_t>;

std::vector<GradientRow> reductions() {
  return {
      {"sum", [](V a) { return sum(a); }, {{2, 3, 4}}, bilinear},
      {"sum",
       [](V a) {
         return sum(a, Axes{0, 2});
       },
       {{2, 3, 4}},
       bilinear},
      {"sum", [](V a) { return sum(a, Axes{1}, true); }, {{2, 3, 4}}, bilinear},
      {"sum", [](V a) { return sum(a, Axes{0}); }, {{1, 5}}, bilinear},
      {"mean", [](V a) { return mean(a, Axes{-1}, true); }, {{2, 3, 4}}, bilinear},
      {"mean",
       [](V a) {
         return mean(a, Axes{0, 1});
       },
       {{2, 3, 4}},
       bilinear},
      {"mean", [](V a) { return mean(a); }, {{3, 5}}, bilinear},
      {"sum", [](V a) { return sum(a, Axes{-2}); }, {{2, 3, 4}}, bilinear},
      {"sum",
       [](V a) {
         return sum(a, Axes{0, 1, 2});
       },
       {{2, 3, 4}},
       bilinear},
      {"sum",
       [](V a) {
         return sum(a, Axes{1, -1}, true);
       },
       {{2, 3, 1, 2, 3}},
       bilinear},
      {"sum", [](V a) { return sum(a, Axes{2}); }, {{2, 1, 5, 2}}, bilinear},
      {"mean", [](V a) { return mean(a, Axes{}, true); }, {{3, 5}}, bilinear},
      {"mean", [](V a) { return mean(a); }, {{7}}, bilinear},
      {"mean", [](V a) { return mean(a, Axes{-2}); }, {{2, 3, 4}}, bilinear},
      {"mean",
       [](V a) {
         return mean(a, Axes{0, 3});
       },
       {{2, 3, 1, 2, 2}},
       bilinear},
      {"max", [](V a) { return max(a, Axes{1}); }, {{2, 5, 3}}},
      {"max", [](V a) { return max(a, Axes{-2}); }, {{2, 5, 3}}},
      {"max",
       [](V a) {
         return max(a, Axes{1, 2});
       },
       {{2, 3, 2, 3}}},
      {"max", [](V a) { return max(a, Axes{}, true); }, {{7}}, {.low = -50, .high = 50}},
      {"max", [](V a) { return max(a, Axes{0}); }, {{6, 1, 2, 1, 2}}},
      {"max",
       [](V a) {
         return max(a, Axes{0, -1}, true);
       },
       {{2, 3, 4}}},
      {"max", [](V a) { return max(a); }, {{3, 4}}, {.low = -50, .high = 50}},  // one output: no near ties
      {"min", [](V a) { return min(a, Axes{1}); }, {{2, 5, 3}}},
      {"min",
       [](V a) {
         return min(a, Axes{0, -1}, true);
       },
       {{2, 3, 4}}},
      {"min", [](V a) { return min(a); }, {{3, 4}}, {.low = -50, .high = 50}},
      {"multiply", [](V a) { return prod(a, Axes{1}); }, {{2, 5, 3}}},
      {"multiply",
       [](V a) {
         return prod(a, Axes{0, 2}, true);
       },
       {{3, 2, 2}}},
      {"multiply", [](V a) { return prod(a); }, {{7}}},
      {"square",
       [](V a) {
         return var(a, Axes{0, 2});
       },
       {{3, 2, 4}}},
      {"square", [](V a) { return var(a, Axes{}, true, 1); }, {{3, 5}}},
      {"sqrt", [](V a) { return stddev(a, Axes{-1}, false, 1); }, {{3, 5}}},
      {"cumsum", [](V a) { return cumsum(a, 1); }, {{2, 4, 3}}, bilinear},
      {"cumsum", [](V a) { return cumsum(a, -1); }, {{5}}, bilinear},
  };
}

std::vector<GradientRow> manipulation() {
  const auto sliced = [](V a) { return a[{{1, 5, 2}, {0, -1}}]; };
  const auto joined = [](V a, V b) { return concatenate({a, b, a}, 1); };
  return {
      {"reshape",
       [](V a) {
         return reshape(a, Shape{3, 8});
       },
       {{2, 3, 4}},
       bilinear},
      {"transpose",
       [](V a) {
         return transpose(a, Axes{2, 0, 1});
       },
       {{2, 3, 4}},
       bilinear},
      {"transpose",
       [](V a) {
         return transpose(a, Axes{1, 3, 0, 2});
       },
       {{2, 3, 1, 4}},
       bilinear},
      {"transpose", [](V a) { return transpose(a); }, {{3, 5}}, bilinear},
      {"concatenate", joined, {{2, 3, 2}, {2, 1, 2}}, bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b}, -1);
       },
       {{3, 2}, {3, 2}},
       bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({b, a}, 0);
       },
       {{1, 3}, {4, 3}},
       bilinear},
      {"index", sliced, {{6, 4}}, bilinear},
      {"index",
       [](V a) {
         return a[{all(), {1, 3}, {2, 7, 3}}];
       },
       {{2, 3, 7}},
       bilinear},
      {"index", [](V a) { return a[1]; }, {{3, 4}}, bilinear},
      {"index",
       [](V a) {
         return a[{ellipsis(), newaxis(), -1}];
       },
       {{2, 3, 4}},
       bilinear},
      {"index",
       [](V a) {
         return a[{Slice{.step = -1}, {3, 0, -2}}];
       },
       {{3, 5}},
       bilinear},
      {"index", [](V a) { return flip(a, Axes{0}); }, {{3, 2}}, bilinear},
      {"concatenate",
       [](V a, V b) {
         return stack({a, b, a}, 1);
       },
       {{2, 3}, {2, 3}},
       bilinear},
      {"concatenate",
       [](V a) {
         return tile(a, Extents{2, 3});
       },
       {{2, 3}},
       bilinear},
      {"index",
       [](V a) {
         return concatenate({split(a, 2, 1)[1], split(a, Extents{1, 3}, 1)[0]}, 1);
       },
       {{3, 4}},
       bilinear},
      {"reshape", [](V a) { return squeeze(expand_dims(a, -1), Axes{0}); }, {{1, 4}}, bilinear},
      {"transpose", [](V a) { return swapaxes(a, 0, -1); }, {{2, 3, 4}}, bilinear},
      {"take",
       [](V a) {
         return take(a, Tensor::labels({2, 0, 2, -1, 2}), 0);
       },
       {{4, 3}},
       bilinear},
      {"take",
       [](V a) {
         return take(a, Tensor::of({2, 2}, {1, 0, 1, 1}, DType::int64), 1);
       },
       {{2, 3, 2}},
       bilinear},
      {"take", [](V a) { return repeat(a, 3, -1); }, {{2, 3}}, bilinear},
      {"where",
       [](V a, V b) {
         return where(Tensor::of({2, 1}, {1, 0}), a, b);
       },
       {{3}, {2, 3}},
       bilinear},
      {"where",
       [](V a, V b) {
         return where(Tensor::of({2, 2, 3}, {1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1}), a, b);
       },
       {{2, 1}, {}},
       bilinear},
      {"pad",
       [](V a) {
         return pad(a, {{1, 0}, {2, 3}}, 7);
       },
       {{2, 3}},
       bilinear},
      {"reshape", [](V a) { return reshape(a, Shape{}); }, {{1, 1}}, bilinear},
      {"reshape",
       [](V a) {
         return reshape(a, Shape{1, 1, 1});
       },
       {{}},
       bilinear},
      {"reshape",
       [](V a) {
         return reshape(a, {2, -1});
       },
       {{2, 3, 1, 2}},
       bilinear},
      {"reshape",
       [](V a) {
         return reshape(a, Shape{2, 1, 3, 1, 2});
       },
       {{4, 3}},
       bilinear},
      {"transpose",
       [](V a) {
         return transpose(a, Axes{4, 0, 3, 1, 2});
       },
       {{2, 1, 2, 3, 2}},
       bilinear},
      {"transpose",
       [](V a) {
         return transpose(a, Axes{-1, 0});
       },
       {{4, 1}},
       bilinear},
      {"transpose", [](V a) { return transpose(a); }, {{5}}, bilinear},
      {"concatenate",
       [](V a, V b, V c) {
         return concatenate({a, b, c, a, b}, 0);
       },
       {{2, 2}, {1, 2}, {3, 2}},
       bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b}, -2);
       },
       {{2, 1, 2}, {2, 3, 2}},
       bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b}, 3);
       },
       {{2, 1, 2, 3}, {2, 1, 2, 1}},
       bilinear},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b}, 0);
       },
       {{3}, {4}},
       bilinear},
      {"index",
       [](V a) {
         return a[{{1, 9, 3}}];
       },
       {{9}},
       bilinear},
      {"index",
       [](V a) {
         return a[{{-6, -1, 4}, {-2, 4}}];
       },
       {{7, 4}},
       bilinear},
      {"index",
       [](V a) {
         return a[{{0, 2}, {1, 3}, {0, 1}, {1, 3}}];
       },
       {{2, 3, 2, 4}},
       bilinear},
      {"pad",
       [](V a) {
         return pad(a, {{0, 0}, {1, 2}, {2, 0}, {0, 0}});
       },
       {{2, 2, 1, 2}},
       bilinear},
      {"pad",
       [](V a) {
         return pad(a, {{3, 1}}, -2);
       },
       {{4}},
       bilinear},
      {"pad",
       [](V a) {
         return pad(a, {{0, 2}, {0, 0}, {1, 0}});
       },
       {{1, 2, 3}},
       bilinear},
  };
}

/// a + a diagonal that makes it far from singular.
Variable dominant(V a) {
  Tensor diagonal = Tensor::zeros(a.shape(), DType::float64);
  const std::int64_t n = a.dim(-1);
  double* out = diagonal.mutable_data<double>();
  for (std::int64_t i = 0; i < a.size(); i += n * n) {
    for (std::int64_t j = 0; j < n; ++j) out[i + j * n + j] = 3.0 + static_cast<double>(j);
  }
  return a + Variable(diagonal.to(a.dtype()));
}

Variable symmetric(V a) {
  Axes axes(static_cast<std::size_t>(a.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  const Variable d = dominant(a);
  return d + transpose(d, axes);
}

std::vector<GradientRow> matrices() {
  const auto product = [](V a, V b) { return matmul(a, b); };
  const auto solved = [](V a, V b) { return solve(dominant(a), b); };
  return {
      {"matmul", product, {{3, 4}, {4, 2}}, bilinear},
      {"matmul", product, {{3, 3}, {3, 3}}, bilinear},
      {"matmul", product, {{1, 5}, {5, 1}}, bilinear},
      {"matmul", product, {{2, 1, 3, 4}, {3, 4, 2}}, bilinear},
      {"matmul", product, {{2, 3, 4}, {4, 2}}, bilinear},
      {"matmul", product, {{3, 4}, {2, 4, 2}}, bilinear},
      {"matmul", product, {{1, 4}, {4, 3}}, bilinear},
      {"matmul", product, {{3, 4}, {4, 1}}, bilinear},
      {"matmul", product, {{4, 1}, {1, 3}}, bilinear},
      {"matmul", product, {{1, 3, 2}, {3, 2, 2}}, bilinear},
      {"matmul", product, {{3, 2, 2}, {1, 2, 3}}, bilinear},
      {"matmul", product, {{9, 2, 3}, {9, 3, 1}}, bilinear},
      {"matmul", product, {{2, 2, 2, 3}, {2, 1, 3, 2}}, bilinear},
      {"matmul", [](V a) { return matmul(a, a); }, {{3, 3}}},
      {"matmul", [](V a) { return matmul(transpose(a), a); }, {{4, 3}}},
      {"solve", solved, {{4, 4}, {4, 3}}},
      {"solve", solved, {{4, 4}, {4}}},
      {"solve", solved, {{2, 3, 3}, {2, 3, 2}}},
      {"solve", solved, {{1, 1}, {1, 4}}},
      {"solve", solved, {{5, 5}, {5, 7}}},
      {"solve", solved, {{2, 1, 2, 2}, {2, 1, 2, 3}}},
      {"inverse", [](V a) { return inverse(dominant(a)); }, {{1, 1}}},
      {"inverse", [](V a) { return inverse(dominant(a)); }, {{6, 6}}},
      {"inverse", [](V a) { return inverse(dominant(a)); }, {{3, 3}}},
      {"inverse", [](V a) { return inverse(dominant(a)); }, {{2, 3, 3}}},
      {"log_determinant", [](V a) { return log_determinant(dominant(a)); }, {{4, 4}}},
      {"log_determinant", [](V a) { return log_determinant(dominant(a)); }, {{2, 3, 3}}},
      {"log_determinant", [](V a) { return log_determinant(-dominant(a)); }, {{3, 3}}},  // of a negative one
      {"log_determinant", [](V a) { return log_determinant(dominant(a)); }, {{2, 2, 2, 2}}},
      {"log_determinant", [](V a) { return log_determinant(dominant(a)); }, {{1, 1}}},
      {"cholesky", [](V a) { return cholesky(symmetric(a)); }, {{4, 4}}},
      {"cholesky", [](V a) { return cholesky(symmetric(a)); }, {{1, 1}}},
      {"cholesky", [](V a) { return cholesky(symmetric(a)); }, {{8, 8}}},
      {"cholesky", [](V a) { return cholesky(symmetric(a)); }, {{2, 3, 3}}},
  };
}

}  // namespace

std::vector<GradientRow> array_rows() {
  std::vector<GradientRow> rows = reductions();
  for (const auto& part : {manipulation(), matrices()}) rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

}  // namespace xtape::test
