// Operations on sizes below and above each constant that divides their work, compared with plain loops:
//
//   elementwise_grain   elements of a piece of work: mapped, broadcast, moved, lines of a softmax, reduced totals
//   block_size, 1024    elements of a block of a reduction, and its columns (reductions.cpp)
//   chains, at_once     neighbours, and rows, that are accumulated side by side (reductions.cpp)
//   many                number of products from which whole products are distributed (matmul.cpp)
#include <cmath>

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Values = std::vector<double>;
using Exact = std::function<long double(std::int64_t element)>;

Tensor drawn(const Shape& shape, DType type, std::uint64_t seed = 1) {
  return RandomStream(seed).normal(shape, 0, 1, DType::float64).to(type);
}

/// The first element, computed on one and on three threads, that differs from `exact`; an empty text if there is none.
std::string disagreement(const std::function<Tensor()>& compute, double tolerance, const Exact& exact) {
  for (const int threads : {1, 3}) {
    const test::KernelSettings scope(threads);
    const Values got = compute().to_vector();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto wanted = static_cast<double>(exact(static_cast<std::int64_t>(i)));
      if (std::abs(got[i] - wanted) <= tolerance * (1 + std::abs(wanted))) continue;
      return fmt::format("element {} of {}: expected {}, got {}", i, got.size(), wanted, got[i]);
    }
  }
  return "";
}

const std::vector<DType> floating{DType::float64, DType::float32};
double rounding(DType type) { return type == DType::float64 ? 1e-15 : 1e-6; }

/// Sum, mean and maximum over the middle axis, and over the others.
void check_reductions(std::int64_t outer, std::int64_t n, std::int64_t inner) {
  for (const DType type : floating) {
    INFO("(" << outer << ", " << n << ", " << inner << ") of " << to_string(type));
    const Tensor x = drawn({outer, n, inner}, type);
    const Values values = x.to_vector();
    std::vector<long double> sums(static_cast<std::size_t>(outer * inner)), largest(sums.size(), -HUGE_VALL);
    std::vector<long double> others(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const auto line = static_cast<std::size_t>(at / inner / n * inner + at % inner);
      sums[line] += values[i];
      largest[line] = std::max<long double>(largest[line], values[i]);
      others[static_cast<std::size_t>(at / inner % n)] += values[i];
    }
    const auto element = [](const auto& all) {
      return [&all](std::int64_t i) { return all[static_cast<std::size_t>(i)]; };
    };
    // sums of n terms of both signs, added in float64 and rounded once
    const double tolerance = type == DType::float64 ? 1e-12 : 1.2e-7;
    CHECK(disagreement([&] { return sum(x, {1}).value(); }, tolerance, element(sums)) == "");
    CHECK(disagreement([&] { return max(x, {1}).value(); }, 0, element(largest)) == "");
    CHECK(disagreement([&] { return sum(x, {0, 2}).value(); }, tolerance, element(others)) == "");
    CHECK(disagreement([&] { return mean(x, {1}).value(); }, tolerance,
                       [&](std::int64_t i) { return sums[static_cast<std::size_t>(i)] / n; }) == "");
  }
}

}  // namespace

TEST_CASE("reductions of lines and blocks work in none, one and several pieces") {
  for (const std::int64_t n : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 25}) {
    check_reductions(3, n, 1);
    check_reductions(3, n, 5);
  }
  for (const std::int64_t n : {65535, 65536, 65537, 131072, 131077}) check_reductions(1, n, 1);
  for (const std::int64_t inner : {1023, 1024, 1025, 2049}) {
    for (const std::int64_t n : {1, 63, 64, 65, 129}) check_reductions(1, n, inner);
  }
  for (const std::int64_t outer : {1, 2, 3}) check_reductions(outer, 40000, 2);
  for (const std::int64_t lines : {16383, 16384, 16385, 32769}) check_reductions(lines, 2, 1);
  check_reductions(5, 3, 16385);
}

TEST_CASE("elementwise operations, broadcast or not, work in none, one and several pieces") {
  for (const DType type : floating) {
    for (const std::int64_t n : {16383, 16384, 16385, 32768, 32769, 50000}) {
      INFO(n << " of " << to_string(type));
      const Tensor x = drawn({n}, type), y = drawn({n}, type, 2), row = drawn({3, 1}, type, 3);
      const Values a = x.to_vector(), b = y.to_vector(), c = row.to_vector();
      const auto at = [](const Values& all, std::int64_t i) -> long double { return all[static_cast<std::size_t>(i)]; };
      CHECK(disagreement([&] { return negate(x).value(); }, 0, [&](auto i) { return -at(a, i); }) == "");
      CHECK(disagreement([&] { return add(x, y).value(); }, rounding(type),
                         [&](auto i) { return at(a, i) + at(b, i); }) == "");
      CHECK(disagreement(
                [&] {
                  Tensor total = x;
                  add_into(total, y);
                  return total;
                },
                rounding(type), [&](auto i) { return at(a, i) + at(b, i); }) == "");
      CHECK(disagreement([&] { return multiply(x, row).value(); }, rounding(type),
                         [&](auto i) { return at(a, i % n) * at(c, i / n); }) == "");
      CHECK(disagreement([&] { return add(row, y).value(); }, rounding(type),
                         [&](auto i) { return at(c, i / n) + at(b, i % n); }) == "");
      CHECK(disagreement(
                [&] {
                  return broadcast_to(x, {3, n}).value();
                },
                0, [&](auto i) { return at(a, i % n); }) == "");
      CHECK(disagreement(
                [&] {
                  return broadcast_to(row, {2, 3, n}).value();
                },
                0, [&](auto i) { return at(c, i / n % 3); }) == "");
    }
    for (const std::int64_t rows : {5461, 5462, 10923, 20000}) {  // short rows: 5461 of three elements a piece
      const Tensor x = drawn({rows, 3}, type), y = drawn({3}, type, 2), column = drawn({rows, 1}, type, 3);
      const Values a = x.to_vector(), b = y.to_vector(), c = column.to_vector();
      CHECK(disagreement([&] { return multiply(x, y).value(); }, rounding(type),
                         [&](auto i) -> long double {
                           return static_cast<long double>(a[static_cast<std::size_t>(i)]) *
                                  b[static_cast<std::size_t>(i % 3)];
                         }) == "");
      CHECK(disagreement([&] { return add(x, column).value(); }, rounding(type),
                         [&](auto i) -> long double {
                           return static_cast<long double>(a[static_cast<std::size_t>(i)]) +
                                  c[static_cast<std::size_t>(i / 3)];
                         }) == "");
    }
  }
}

TEST_CASE("transposed and sliced arrays work in none, one and several pieces") {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{3, 5461}, {3, 5462}, {5462, 3}, {10925, 3}, {2, 16385}, {130, 260}}) {
    for (const DType type : floating) {
      INFO(rows << " x " << columns << " of " << to_string(type));
      const Tensor x = drawn({rows, columns}, type);
      const Values a = x.to_vector();
      CHECK(disagreement([&] { return transpose(x).value(); }, 0,
                         [&, n = rows, m = columns](auto i) -> long double {
                           return a[static_cast<std::size_t>(i % n * m + i / n)];
                         }) == "");
      CHECK(disagreement(
                [&, n = rows, m = columns] {
                  return x[{{1, n}, {1, m}}];
                },
                0,
                [&, m = columns](auto i) -> long double {
                  return a[static_cast<std::size_t>((i / (m - 1) + 1) * m + i % (m - 1) + 1)];
                }) == "");
    }
  }
}

TEST_CASE("softmax of lines works in none, one and several pieces, along both axes") {
  for (const auto& [lines, extent] : {std::pair<std::int64_t, std::int64_t>{1638, 10},
                                      {1639, 10},
                                      {3300, 10},
                                      {3, 16383},
                                      {3, 16385},
                                      {1, 1},
                                      {5, 3}}) {
    for (const DType type : floating) {
      for (const int axis : {0, 1}) {
        INFO(lines << " lines of " << extent << " along " << axis << " of " << to_string(type));
        const Tensor x = drawn(axis == 1 ? Shape{lines, extent} : Shape{extent, lines}, type);
        const Values a = x.to_vector();
        const auto line = [&, n = lines, m = extent](std::int64_t i) { return axis == 1 ? i / m : i % n; };
        std::vector<long double> totals(static_cast<std::size_t>(lines));
        for (std::size_t i = 0; i < a.size(); ++i) {
          totals[static_cast<std::size_t>(line(static_cast<std::int64_t>(i)))] +=
              std::exp(static_cast<long double>(a[i]));
        }
        const auto exact = [&](std::int64_t i) {
          return std::exp(static_cast<long double>(a[static_cast<std::size_t>(i)])) /
                 totals[static_cast<std::size_t>(line(i))];
        };
        CHECK(disagreement([&] { return softmax(x, axis).value(); }, rounding(type), exact) == "");
        CHECK(disagreement([&] { return log_softmax(x, axis).value(); }, rounding(type),
                           [&](auto i) { return std::log(exact(i)); }) == "");
      }
    }
  }
}

TEST_CASE("batches of products, divided or not, work in none, one and several pieces") {
  for (const auto& [batch, m, n, k] : {std::array<std::int64_t, 4>{1, 5, 6, 7},
                                       {7, 5, 6, 7},
                                       {8, 5, 6, 7},
                                       {9, 5, 6, 7},
                                       {77, 5, 6, 7},
                                       {79, 5, 6, 7},
                                       {160, 5, 6, 7},
                                       {9, 30, 30, 30}}) {
    for (const DType type : floating) {
      INFO(batch << " products " << m << " x " << k << " x " << n << " of " << to_string(type));
      const Tensor x = drawn({batch, m, k}, type), y = drawn({batch, k, n}, type, 2), one = drawn({k, n}, type, 3);
      const Values a = x.to_vector(), b = y.to_vector(), c = one.to_vector();
      const auto exact = [&, m = m, n = n, k = k](const Values& right, std::int64_t i, bool moves) {
        long double total = 0;
        const std::int64_t j = i % n, row = i / n, which = moves ? row / m : 0;
        for (std::int64_t l = 0; l < k; ++l) {
          total += static_cast<long double>(a[static_cast<std::size_t>(row * k + l)]) *
                   right[static_cast<std::size_t>((which * k + l) * n + j)];
        }
        return total;
      };
      const double tolerance = 10 * rounding(type);
      CHECK(disagreement([&] { return matmul(x, y).value(); }, tolerance, [&](auto i) { return exact(b, i, true); }) ==
            "");
      CHECK(disagreement([&] { return matmul(x, one).value(); }, tolerance,
                         [&](auto i) { return exact(c, i, false); }) == "");
    }
  }
}

}  // namespace xtape
