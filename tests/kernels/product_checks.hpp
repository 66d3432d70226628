// Matrix products compared with the definition, for one size.
#pragma once

#include <map>

#include "framework/kernels/gemm/gemm.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/reference/gemm.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

struct Product {
  std::int64_t m, n, k;
  bool a_transposed = false, b_transposed = false, accumulate = false;
  std::int64_t apart = 0;    // elements between the end of a row and the next row, in all three matrices
  bool overlapping = false;  // rows of A and of B begin one element apart, so that large matrices need few numbers
};

inline std::string text_of(const Product& p) {
  return fmt::format("({} x {}{}) ({} x {}{}){}, rows {} apart", p.m, p.k, p.a_transposed ? " T" : "", p.k, p.n,
                     p.b_transposed ? " T" : "", p.accumulate ? " added" : "", p.apart);
}

/// C of a product of random matrices, computed with each instruction set and each number of threads, compared with the
/// definition.
template <class T>
void check_product(const Product& p, const std::vector<kernels::InstructionSet>& sets = {kernels::instruction_set()},
                   const std::vector<int>& numbers_of_threads = {1, 2, 3}) {
  INFO(text_of(p) << " of " << to_string(dtype_of<T>));
  RandomStream random(1, static_cast<std::uint64_t>(p.m * 1000 + p.n));
  const std::int64_t a_columns = p.a_transposed ? p.m : p.k, b_columns = p.b_transposed ? p.k : p.n;
  const std::int64_t a_stride = p.overlapping ? 1 : a_columns + p.apart;
  const std::int64_t b_stride = p.overlapping ? 1 : b_columns + p.apart;
  const std::int64_t c_stride = p.n + p.apart;
  const auto a = drawn<T>(random, (p.a_transposed ? p.k : p.m) * a_stride + (p.overlapping ? a_columns : 0));
  const auto b = drawn<T>(random, (p.b_transposed ? p.n : p.k) * b_stride + (p.overlapping ? b_columns : 0));
  const auto start = drawn<T>(random, p.m * c_stride);
  const kernels::MatrixView<T> a_view{a.data(), a_stride, p.a_transposed}, b_view{b.data(), b_stride, p.b_transposed};

  std::map<std::int64_t, reference::Exact> known;
  const auto exact = [&](std::int64_t element) {
    const auto [place, is_new] = known.try_emplace(element);
    if (!is_new) return place->second;
    const std::int64_t i = element / p.n, j = element % p.n;
    place->second = reference::gemm(p.k, a_view, b_view, i, j);
    if (p.accumulate) place->second.add(start.data()[i * c_stride + j]);
    return place->second;
  };
  for (const auto set : sets) {
    INFO(kernels::to_string(set));
    std::vector<Guarded<T>> results;
    for (const int threads : numbers_of_threads) {
      const KernelSettings scope(threads);
      kernels::set_instruction_set(set);
      Guarded<T> c = start;
      for (std::int64_t i = 0; i < p.m && !p.accumulate; ++i) {  // must not be read without `accumulate`
        std::fill_n(c.data() + i * c_stride, p.n, std::numeric_limits<T>::quiet_NaN());
      }
      kernels::gemm<T>(p.m, p.n, p.k, a_view, b_view, c.data(), c_stride, p.accumulate);
      results.push_back(std::move(c));
    }
    for (const auto& again : results) CHECK(again == results[0]);
    const Guarded<T>& c = results[0];
    std::vector<T> packed;
    bool gaps_kept = true;
    for (std::int64_t i = 0; i < p.m; ++i) {
      const T* row = c.data() + i * c_stride;
      packed.insert(packed.end(), row, row + p.n);
      gaps_kept = gaps_kept && std::equal(row + p.n, row + c_stride, start.data() + i * c_stride + p.n);
    }
    CHECK(disagreement(packed.data(), sampled({p.m, p.n}), exact, reference::allowed<T>) == "");
    CHECK((gaps_kept && c.intact()));
  }
}

inline void check_both_types(const Product& p) {
  check_product<double>(p);
  check_product<float>(p);
}

}  // namespace xtape::test
