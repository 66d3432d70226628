#include "framework/kernels/gemm/gemm.hpp"

#include "tests/kernels/product_checks.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("gemm equals the definition for all transpositions, gaps between rows, and both ways of storing") {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{1, 1, 1},
                                {1, 1, 300},
                                {1, 7, 1},
                                {7, 1, 5},
                                {3, 5, 7},
                                {2, 1, 9},
                                {9, 17, 33},
                                {31, 33, 15},
                                {5, 7, 0},
                                {0, 5, 3},
                                {5, 0, 3},
                                {66, 50, 19}}) {
    for (const int way : {0, 1, 2, 3, 4, 5, 6, 7}) {
      for (const std::int64_t apart : {0, 3})
        check_both_types({m, n, k, way % 2 == 1, way / 2 % 2 == 1, way >= 4, apart});
    }
  }
}

TEST_CASE("gemm equals the definition for sizes at which work is divided") {
  const std::vector<std::array<std::int64_t, 3>> sizes{
      {64, 33, 17},   {100, 1, 257},  {1, 100, 257},  {300, 20, 40},   {20, 300, 40},  {257, 129, 65}, {193, 97, 385},
      {97, 193, 769}, {40, 50, 1030}, {1023, 5, 3},   {5, 1023, 3},    {513, 511, 65}, {16, 16, 4097}, {191, 191, 31},
      {255, 16, 256}, {17, 12, 6000}, {3000, 12, 65}, {12, 3000, 129}, {129, 384, 257}};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [m, n, k] = sizes[i];
    for (const bool a_transposed : {false, true}) {
      check_both_types({m, n, k, a_transposed, i % 2 == 0, i % 3 == 0, i % 4 == 0 ? 5 : 0});
      check_both_types({m, n, k, a_transposed, i % 2 == 1});
    }
  }
}

TEST_CASE("gemm equals the definition if its right operand is packed in several steps") {
  check_both_types({150, 2100, 2100});
}

TEST_CASE("the comparison with the definition detects one wrong term of thousands") {
  constexpr std::int64_t k = 4608;
  RandomStream random(2);
  const auto a = drawn<float>(random, k), b = drawn<float>(random, k);
  const kernels::MatrixView<float> a_view{a.data(), k}, b_view{b.data(), 1};
  float c = 0;
  kernels::gemm<float>(1, 1, k, a_view, b_view, &c, 1);
  const auto exact = [&](std::int64_t) { return reference::gemm(k, a_view, b_view, 0, 0); };
  const auto off_by = [&](double error) {
    const auto wrong = static_cast<float>(c + error);
    return disagreement(&wrong, {0}, exact, reference::allowed<float>);
  };
  CHECK(off_by(0) == "");
  CHECK(off_by(0.01) != "");  // terms are of size 1
  CHECK(off_by(NAN) != "");
  Guarded<float> outside(3, 0.0F);
  outside.data()[3] = 0;
  CHECK(disagreement(outside, {}, exact) == "written outside of the array");
}
