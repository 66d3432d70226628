#include "framework/kernels/gemm.hpp"

#include <tuple>

#include "framework/kernels/parallel.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::largest_difference;

namespace {

/// C (+)= A B by the definition.
Tensor reference(const Tensor& a, bool a_transposed, const Tensor& b, bool b_transposed, Tensor c) {
  const std::int64_t m = c.dim(0);
  const std::int64_t n = c.dim(1);
  const std::int64_t k = a_transposed ? a.dim(0) : a.dim(1);
  double* out = c.mutable_data<double>();
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t l = 0; l < k; ++l) {
        out[i * n + j] += a.data<double>()[a_transposed ? l * m + i : i * k + l] *
                          b.data<double>()[b_transposed ? j * k + l : l * n + j];
      }
    }
  }
  return c;
}

}  // namespace

TEST_CASE("gemm equals the definition for all transpositions, sizes and both ways of storing") {
  RandomStream random(1);
  for (const auto& [m, n, k] :
       {std::tuple{1, 1, 1}, {3, 5, 7}, {64, 33, 17}, {300, 20, 40}, {20, 300, 40}, {257, 129, 65}, {5, 7, 0}}) {
    for (const bool ta : {false, true}) {
      for (const bool tb : {false, true}) {
        for (const bool accumulate : {false, true}) {
          const Tensor a = random.normal(ta ? Shape{k, m} : Shape{m, k}, 0, 1, DType::float64);
          const Tensor b = random.normal(tb ? Shape{n, k} : Shape{k, n}, 0, 1, DType::float64);
          const Tensor start = random.normal({m, n}, 0, 1, DType::float64);
          Tensor c = start;
          kernels::gemm<double>(m, n, k, {a.data<double>(), a.dim(1), ta}, {b.data<double>(), b.dim(1), tb},
                                c.mutable_data<double>(), n, accumulate);
          const Tensor wanted = reference(a, ta, b, tb, accumulate ? start : Tensor::zeros({m, n}, DType::float64));
          INFO(m << " x " << n << " x " << k << " " << ta << tb << accumulate);
          CHECK(largest_difference(c, wanted) < 1e-11);
        }
      }
    }
  }
}

TEST_CASE("gemm gives the same bits for any number of threads") {
  RandomStream random(2);
  const Tensor a = random.normal({500, 200});
  const Tensor b = random.normal({200, 130});
  const int before = kernels::num_threads();
  std::vector<Tensor> results;
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    Tensor c = Tensor::zeros({500, 130});
    kernels::gemm<float>(500, 130, 200, {a.data<float>(), 200}, {b.data<float>(), 130}, c.mutable_data<float>(), 130);
    results.push_back(c);
  }
  kernels::set_num_threads(before);
  CHECK(identical(results[0], results[1]));
  CHECK(identical(results[0], results[2]));
}
