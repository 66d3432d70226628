// Products of sizes on both sides of every constant by which work is divided: none, one and several whole pieces, and a
// remainder. The constants (framework/kernels/gemm/product.cpp, transposed_product.cpp, simd/):
//
//   slice_depth        depth of a slice; a longer run is divided, several shorter ones are combined
//   8                  a part of a long run is a multiple of it
//   row_tiles          tiles of rows: up to this number each task packs its own columns; above, the tiles of a task
//   16                 the least depth that counts when tasks of a shallow product take more rows
//   wide_columns       columns that such a task packs at a time, and a quarter of the panels
//   most_packed        values of B that are packed at a time
//   finished_values    values of C of a task that finishes them (tests in grouped_convolution_test.cpp)
//   wanted_tasks       tasks, of at least least_work multiply-adds (tests/ops/packed_kernel_test.cpp)
//   tile_rows          rows of a tile; the last two tiles share the rest; 8 or twice as many in a narrow panel
//   tile_columns       columns of a panel, and of one vector in a last panel of at most that width
//   4, 2, 1            panels that are packed side by side
//   small_result, least_chunk, depth_block   the gradient of a kernel: chunks of the depth, and blocks of it
//   32 tiles of rows, 16 panels, least_columns   its tasks
//   32                 rows of A that are copied, if there are more
//   short_stretch      rows of zeros that are not skipped
//   few_rows, shallow_depth, 16/17   where the width of vectors changes
#include <optional>

#include "framework/kernels/gemm/product.hpp"
#include "tests/kernels/product_checks.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

const std::vector<kernels::InstructionSet>& every_set() {
  static const std::vector<kernels::InstructionSet> sets = kernels::available_instruction_sets();
  return sets;
}

void check_in_every_set(const test::Product& p, const std::vector<int>& threads = {1, 3}) {
  check_product<double>(p, every_set(), threads);
  check_product<float>(p, every_set(), threads);
}

}  // namespace

TEST_CASE("products of all numbers of rows and columns at which register tiles and panels are divided") {
  for (std::int64_t m = 1; m <= 34; ++m) {
    check_in_every_set({m, 70, 3}, {1});
    check_in_every_set({m, 5, 3, false, true, m % 2 == 0, 2}, {1});
    check_in_every_set({m, 39, 5, true, m % 3 == 0, m % 2 == 0, 1}, {1});
  }
  for (std::int64_t n = 1; n <= 70; ++n) {
    check_in_every_set({17, n, 33, false, n % 2 == 0, n % 3 == 0, n % 5}, {1});
    check_in_every_set({17, n, 60, n % 2 == 1, n % 3 == 0, n % 4 == 0, n % 7}, {1});
  }
  for (const std::int64_t n : {95, 96, 97, 127, 128, 129, 191, 192, 193, 223, 225, 257}) {  // panels side by side
    check_in_every_set({7, n, 50}, {1});
    check_in_every_set({7, n, 50, false, true}, {1});
  }
}

TEST_CASE("products of depths in none, one and several slices and blocks") {
  for (const std::int64_t k : {1, 2, 8, 15, 16, 17, 47, 48, 127, 128, 129, 255, 256, 257, 264, 385, 512, 513, 770}) {
    for (const bool a_transposed : {false, true}) {
      check_in_every_set({13, 41, k, a_transposed, k % 2 == 1, k % 3 == 0, k % 4});
      check_in_every_set({3, 33, k, a_transposed, k % 2 == 0});
    }
    check_in_every_set({200, 20, k});  // packed before
  }
}

TEST_CASE("products of fewer and more rows than those of one task") {
  for (const std::int64_t m : {143, 144, 145, 191, 192, 193, 287, 288, 289, 384, 385, 577}) {
    check_in_every_set({m, 71, 257, false, m % 2 == 0, m % 3 == 0, m % 4});
    check_in_every_set({m, 9, 129, true, false, m % 2 == 0});
  }
  // shallow products, whose tasks take up to sixteen times as many rows
  for (const std::int64_t m : {2303, 2304, 2305, 3072, 3073, 6145}) {
    for (const std::int64_t k : {3, 16, 17}) check_in_every_set({m, 18, k, false, k == 3}, {1, 2});
  }
}

TEST_CASE("products of columns in none, one and several groups of tasks") {
  for (const std::int64_t n : {31, 32, 33, 63, 64, 65, 127, 129, 159, 161, 256, 257, 511, 513, 640, 1025, 2070}) {
    check_in_every_set({9, n, 40, false, n % 2 == 0});  // each task packs its own columns
    // packed before, for two blocks of rows in some instruction sets
    check_in_every_set({150, n, 20, false, n % 2 == 1}, {1, 2});
    check_in_every_set({200, n, 40, true, n % 2 == 0, true}, {1, 2});
  }
}

TEST_CASE("products whose right operand is packed in one, two and three steps") {
  // 4 Mi values at a time, in panels of 4 to 32 columns: deep and narrow, shallow and wide
  const auto check = [](std::int64_t m, std::int64_t n, std::int64_t k) {
    for (const bool turned : {false, true}) {
      check_product<float>({.m = m, .n = n, .k = k, .b_transposed = turned, .overlapping = true}, every_set(), {2});
    }
    check_product<double>({.m = m, .n = n, .k = k, .overlapping = true}, {kernels::instruction_set()}, {2});
  };
  check(193, 2050, 2000);
  check(193, 2100, 2000);
  check(193, 4300, 2000);
  check_product<float>({.m = 193, .n = 33, .k = 140'000, .overlapping = true}, every_set(), {2});
  if (kernels::available_instruction_sets().back() == kernels::InstructionSet::avx512) {
    check_product<float>({.m = 256, .n = 3000, .k = 2000, .overlapping = true}, every_set(), {2});
  }
}

TEST_CASE("sums of outer products with and without chunks of the depth") {
  for (const std::int64_t k : {1023, 1024, 2047, 2048, 2049, 3000, 3072, 5000, 16 * 1024, 17 * 1024 + 1}) {
    check_in_every_set({7, 11, k, true, k % 2 == 0, k % 3 == 0, k % 4});
    check_in_every_set({35, 3, k, true, k % 2 == 1});
  }
  check_in_every_set({256, 512, 2049, true}, {2});        // the largest result that is summed in chunks
  check_in_every_set({257, 512, 2049, true, true}, {2});  // a larger one
  check_in_every_set({3, 4097, 2050, true}, {1, 2});      // rows longer than those of a task
}

TEST_CASE("sums of outer products of rows and columns in none, one and several blocks") {
  for (const std::int64_t m : {31, 32, 33, 64, 191, 192, 193, 224, 225, 255, 256, 257, 288, 289, 385, 513}) {
    check_in_every_set({m, 40, 130, true, m % 2 == 0, m % 3 == 0, m % 2});
  }
  for (const std::int64_t n : {31, 32, 33, 48, 64, 65, 96, 97, 128, 257, 272, 513, 545, 1090}) {
    check_in_every_set({34, n, 129, true, n % 2 == 0, n % 3 == 0, n % 2});
    check_in_every_set({300, n, 7, true, n % 2 == 1}, {1, 2});
  }
}

namespace {

/// The segments of a product. Some of their runs are padding.
template <class T>
struct Segments {
  std::int64_t rows, columns, segments, length;
  RandomStream random{5};
  Guarded<T> values = drawn<T>(random, rows + segments * length + 100);
  Guarded<T> weights = drawn<T>(random, segments* length* columns);
  std::vector<T> zeros = std::vector<T>(static_cast<std::size_t>(length));

  /// The begin of row i of segment s. Blocks of rows are padding in one segment or the other, in whole tiles and in
  /// parts of them.
  const T* run(std::int64_t i, std::int64_t s) const {
    const bool padding = (i / 19 + s) % 4 == 0 || (i + 3 * s) % 7 == 0;
    return padding ? zeros.data() : values.data() + i + s * length;
  }
  reference::Exact exact(std::int64_t i, std::int64_t j) const {
    reference::Exact sum;
    for (std::int64_t s = 0; s < segments; ++s) {
      for (std::int64_t k = 0; k < length; ++k) {
        sum.add(static_cast<long double>(run(i, s)[k]) * weights.data()[(s * length + k) * columns + j]);
      }
    }
    return sum;
  }

  /// The product; B is packed before if `packs` is true.
  Guarded<T> multiply(bool packs) const {
    Guarded<T> c(rows * columns);
    const auto b = [&](std::int64_t s) {
      return kernels::PackSource<T>{weights.data() + s * length * columns, columns, false};
    };
    const auto a = [&](std::int64_t begin, std::int64_t end, const kernels::Slice& slice, const T** out) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t s = slice.segment; s < slice.segment + slice.segments; ++s) {
          *out = run(i, s);
          if (*out != zeros.data()) *out += slice.start;
          ++out;
        }
      }
    };
    const auto c_rows = [&](std::int64_t begin, std::int64_t end, T** out) {
      for (std::int64_t i = begin; i < end; ++i) *out++ = c.data() + i * columns;
    };
    std::optional<kernels::PackedMatrix<T>> packed;
    if (packs) packed.emplace(columns, segments, length, b);
    kernels::multiply<T>({.rows = rows,
                          .columns = columns,
                          .segments = segments,
                          .length = length,
                          .a = a,
                          .zeros = zeros.data(),
                          .b = b,
                          .c = c_rows,
                          .packed = packs ? &*packed : nullptr},
                         kernels::engines_in_use<T>());
    return c;
  }
};

template <class T>
void check_segments(std::int64_t rows, std::int64_t columns, std::int64_t segments, std::int64_t length) {
  const Segments<T> product{rows, columns, segments, length};
  INFO(rows << " rows, " << columns << " columns, " << segments << " segments of " << length);
  for (const auto set : every_set()) {
    INFO(kernels::to_string(set));
    for (const int threads : {1, 3}) {
      const KernelSettings scope(threads);
      kernels::set_instruction_set(set);
      const Guarded<T> c = product.multiply(false);
      CHECK(product.multiply(true) == c);
      CHECK(disagreement(c, sampled({rows, columns}, 500, 150),
                         [&](std::int64_t i) { return product.exact(i / columns, i % columns); }) == "");
    }
  }
}

}  // namespace

TEST_CASE("products of several segments, some on padding, in none, one and several slices, packed before and not") {
  for (const auto& [segments, length] : {std::pair<std::int64_t, std::int64_t>{1, 7},
                                         {9, 28},
                                         {9, 29},
                                         {3, 85},
                                         {3, 86},
                                         {2, 128},
                                         {2, 129},
                                         {3, 256},
                                         {3, 257},
                                         {2, 600},
                                         {300, 1},
                                         {25, 21}}) {
    for (const std::int64_t rows : {1, 5, 21, 145, 200}) {
      check_segments<double>(rows, 37, segments, length);
      check_segments<float>(rows, 18 + rows % 3 * 31, segments, length);
    }
  }
  check_segments<float>(400, 700, 2, 30);
}

namespace {

/// A sum of outer products. The rows of A for which `is_padding` is true are zeros.
template <class T, class IsPadding>
void check_zeros(std::int64_t depth, std::int64_t rows, std::int64_t columns, bool accumulate, IsPadding is_padding) {
  constexpr std::int64_t segments = 2;
  RandomStream random(6);
  const auto a = drawn<T>(random, segments * depth * rows), b = drawn<T>(random, depth * columns);
  const auto start = drawn<T>(random, segments * rows * columns);
  const std::vector<T> zeros(static_cast<std::size_t>(rows));
  const auto row = [&](std::int64_t s, std::int64_t k) {
    return is_padding(s, k) ? zeros.data() : a.data() + (s * depth + k) * rows;
  };
  Guarded<T> c = accumulate ? start : Guarded<T>(start.size());
  kernels::multiply<T>({.rows = rows,
                        .columns = columns,
                        .segments = segments,
                        .depth = depth,
                        .a =
                            [&](std::int64_t s, std::int64_t begin, std::int64_t end, const T** out) {
                              for (std::int64_t k = begin; k < end; ++k) *out++ = row(s, k);
                            },
                        .zeros = zeros.data(),
                        .b = {b.data(), columns, false},
                        .c = c.data(),
                        .c_stride = columns,
                        .accumulate = accumulate},
                       kernels::engines_in_use<T>());
  INFO("depth " << depth << ", " << rows << " x " << columns << (accumulate ? ", added" : ""));
  CHECK(disagreement(c, sampled({segments, rows, columns}, 500, 100), [&](std::int64_t element) {
          const std::int64_t s = element / (rows * columns), i = element / columns % rows, j = element % columns;
          reference::Exact sum;
          for (std::int64_t k = 0; k < depth; ++k) {
            sum.add(static_cast<long double>(row(s, k)[i]) * b.data()[k * columns + j]);
          }
          if (accumulate) sum.add(start.data()[element]);
          return sum;
        }) == "");
}

}  // namespace

TEST_CASE("rows of zeros of every length, skipped or not, at every position of a block of the depth") {
  for (const auto set : every_set()) {
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    INFO(kernels::to_string(set));
    for (const std::int64_t rows : {5, 40}) {
      for (const bool accumulate : {false, true}) {
        for (std::int64_t gap = 1; gap <= 9; ++gap) {
          for (const std::int64_t offset : {0, 2}) {
            const auto gaps = [=](std::int64_t s, std::int64_t k) { return (k + offset + s) % (gap + 3) < gap; };
            check_zeros<float>(150, rows, 19, accumulate, gaps);
            check_zeros<double>(40, rows, 7, accumulate, gaps);
          }
        }
        // whole blocks: the first, the middle, the last, all
        for (const auto& [from, to] : {std::pair{0, 128}, {128, 256}, {256, 300}, {0, 300}, {1, 299}, {127, 257}}) {
          const auto stretch = [from = from, to = to](std::int64_t, std::int64_t k) { return k >= from && k < to; };
          check_zeros<float>(300, rows, 19, accumulate, stretch);
          check_zeros<double>(300, rows, 3, accumulate, stretch);
          check_zeros<float>(2300, rows, 3, accumulate, stretch);  // in chunks
        }
      }
    }
  }
}
