// The selection of the instruction set: what it may change in a result, what it must not change, and when it takes
// effect.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <type_traits>

#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/convolution/pooling.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "framework/kernels/gemm/product.hpp"
#include "framework/ops/matmul.hpp"
#include "framework/ops/window.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Ops of every kind that consist of several products, or several pieces of one, on guarded arrays.
struct Operation {
  std::string name;
  std::function<Guarded<float>()> run;
};

kernels::Window window(const Shape& x, std::int64_t size, std::int64_t stride = 1) {
  return place_window("test", x, {.size = size, .strides = stride, .padding = Padding::same});
}

std::vector<Operation> operations() {
  RandomStream random(3);
  const auto values = std::make_shared<const Guarded<float>>(drawn<float>(random, 400'000));
  const float* const from = values->data();
  std::vector<Operation> all;
  const auto add = [&](std::string name, std::int64_t size, auto compute) {
    all.push_back({std::move(name), [values, size, compute] {
                     Guarded<float> out(size);
                     compute(out.data());
                     return out;
                   }});
  };
  for (const std::int64_t n : {7, 24, 40, 70}) {
    add("product", 200 * n, [=](float* c) { kernels::gemm<float>(200, n, 300, {from, 300}, {from, n}, c, n); });
    add("small product", 9 * n, [=](float* c) { kernels::gemm<float>(9, n, 300, {from, 300}, {from, n}, c, n); });
    add("sum of outer products", 50 * n, [=](float* c) {
      kernels::gemm<float>(50, n, 2100, {from, 50, true}, {from, n}, c, n);
    });
    const auto convolutions = [&](const std::string& name, const kernels::Window& w) {
      const std::int64_t x = w.input_pixels() * w.channels, y = w.output_pixels() * n, k = w.taps() * w.channels * n;
      add(name, y, [=](float* out) { kernels::conv2d(w, n, from, from + 7, out); });
      add(name + ", input", x, [=](float* out) { kernels::conv2d_input_gradient(w, n, from, from + 7, out); });
      add(name + ", kernel", k, [=](float* out) { kernels::conv2d_kernel_gradient(w, n, from, from + 7, out); });
    };
    convolutions("taps", window({2, 11, 9, 20}, 3, 2));
    convolutions("strips", window({3, 20, 20, 3}, 3));
    convolutions("Winograd's method", window({3, 12, 12, 33}, 3));
    convolutions("Winograd's method, many tiles", window({30, 8, 8, 16}, 3));
    const kernels::Window first = window({3, 20, 20, 3}, 3), pooled = window({3, 20, 20, n}, 2, 2);
    add("pooled", pooled.output_pixels() * n,
        [=](float* out) { kernels::conv2d_max_pool<float>(first, pooled, from, from + 7, out, nullptr); });
    const kernels::Window point = window({2, 5, 5, 40}, 1);
    add("packed", point.output_pixels() * n,
        [=](float* out) { kernels::conv2d(point, n, from, *kernels::pack_kernel(point, n, from + 7), out); });
  }
  const Tensor a = RandomStream(5).normal({3, 20, 50}), b = RandomStream(6).normal({3, 50, 30});
  add("batch of products", 3 * 20 * 30,
      [=](float* c) { std::copy_n(matmul(a, b).value().data<float>(), 3 * 20 * 30, c); });
  return all;
}

/// Selects another instruction set at every call, by any thread.
void choose_another() {
  static std::atomic<std::size_t> calls = 0;
  const auto sets = kernels::available_instruction_sets();
  kernels::set_instruction_set(sets[calls++ % sets.size()]);
}

}  // namespace

TEST_CASE("a product keeps its instruction set if another is selected while it runs, packed before or not") {
  const KernelSettings restored;
  RandomStream random(6);
  constexpr std::int64_t depth = 600;
  const auto a = drawn<float>(random, 200 * depth), b = drawn<float>(random, depth * 100);
  for (const auto set : kernels::available_instruction_sets()) {
    for (const std::int64_t rows : {3, 200}) {
      for (const std::int64_t columns : {5, 20, 40, 100}) {
        INFO(kernels::to_string(set) << " " << rows << " x " << columns);
        kernels::set_instruction_set(set);
        Guarded<float> wanted(rows * columns), wanted_sum(wanted.size());
        kernels::gemm<float>(rows, columns, depth, {a.data(), depth}, {b.data(), columns}, wanted.data(), columns);
        kernels::gemm<float>(rows, columns, depth, {a.data(), rows, true}, {b.data(), columns}, wanted_sum.data(),
                             columns);
        const auto right = [&](std::int64_t) {
          choose_another();
          return kernels::PackSource<float>{b.data(), columns, false};
        };
        const auto left = [&](std::int64_t begin, std::int64_t end, const kernels::Slice& slice, const float** out) {
          choose_another();
          for (std::int64_t i = begin; i < end; ++i) *out++ = a.data() + i * depth + slice.start;
        };
        Guarded<float> c(wanted.size()), from_packed(wanted.size()), sum(wanted.size());
        const auto rows_of = [&](Guarded<float>& matrix) {
          return [&](std::int64_t begin, std::int64_t end, float** out) {
            choose_another();
            for (std::int64_t i = begin; i < end; ++i) *out++ = matrix.data() + i * columns;
          };
        };
        const auto multiply = [&](Guarded<float>& to, const kernels::PackedMatrix<float>* packed) {
          const auto to_rows = rows_of(to);
          kernels::multiply<float>({.rows = rows,
                                    .columns = columns,
                                    .segments = 1,
                                    .length = depth,
                                    .a = left,
                                    .zeros = nullptr,
                                    .b = right,
                                    .c = to_rows,
                                    .packed = packed},
                                   kernels::engines_in_use<float>());
        };
        multiply(c, nullptr);
        CHECK(c == wanted);
        kernels::set_instruction_set(set);
        const kernels::PackedMatrix<float> packed(columns, 1, depth, right);
        for (const auto other : kernels::available_instruction_sets()) {
          kernels::set_instruction_set(other);
          multiply(from_packed, &packed);
          CHECK(from_packed == wanted);
        }
        kernels::set_instruction_set(set);
        kernels::multiply<float>({.rows = rows,
                                  .columns = columns,
                                  .segments = 1,
                                  .depth = depth,
                                  .a =
                                      [&](std::int64_t, std::int64_t begin, std::int64_t end, const float** out) {
                                        choose_another();
                                        for (std::int64_t k = begin; k < end; ++k) *out++ = a.data() + k * rows;
                                      },
                                  .zeros = nullptr,
                                  .b = {b.data(), columns, false},
                                  .c = sum.data(),
                                  .c_stride = columns},
                                 kernels::engines_in_use<float>());
        CHECK(sum == wanted_sum);
      }
    }
  }
}

TEST_CASE("a running operation keeps its instruction set when another thread selects one") {
  const KernelSettings restored;
  const auto sets = kernels::available_instruction_sets();
  const std::vector<Operation> all = operations();
  std::vector<std::vector<Guarded<float>>> wanted;
  for (const Operation& operation : all) {
    wanted.emplace_back();
    for (const auto set : sets) {
      kernels::set_instruction_set(set);
      wanted.back().push_back(operation.run());
      REQUIRE(wanted.back().back().intact());
    }
  }
  std::atomic<bool> finished = false;
  std::thread chooser([&] {
    for (std::size_t i = 0; !finished; ++i) kernels::set_instruction_set(sets[i % sets.size()]);
  });
  std::vector<std::string> mixed;
  for (int round = 0; round < 30; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Guarded<float> got = all[i].run();
      if (!got.intact() || std::ranges::find(wanted[i], got) == wanted[i].end()) mixed.push_back(all[i].name);
    }
  }
  finished = true;
  chooser.join();
  CHECK(mixed == std::vector<std::string>());
}

TEST_CASE("products have the same bits with vectors of every width that use fused multiply-add") {
  RandomStream random(4);
  const auto a = drawn<float>(random, 300 * 600), b = drawn<float>(random, 600 * 300);
  std::vector<std::vector<Guarded<float>>> results;
  for (const auto set : kernels::available_instruction_sets()) {
    if (set == kernels::InstructionSet::portable) continue;  // it rounds products before they are added
    const KernelSettings scope;
    kernels::set_instruction_set(set);
    results.emplace_back();
    for (const std::int64_t m : {1, 5, 50, 300}) {
      for (const std::int64_t n : {1, 8, 9, 20, 33, 70, 300}) {
        for (const bool turned : {false, true}) {
          Guarded<float> c(m * n);
          kernels::gemm<float>(m, n, 600, {a.data(), turned ? m : 600, turned}, {b.data(), n}, c.data(), n);
          results.back().push_back(std::move(c));
        }
      }
    }
  }
  for (const auto& other : results) CHECK(other == results[0]);
}

TEST_CASE("vectors are selected for a shape within the instruction set, and AVX-512 alone if requested") {
  const KernelSettings restored;
  for (const auto set : kernels::available_instruction_sets()) {
    kernels::set_instruction_set(set);
    const auto& engines = kernels::engines_in_use<float>();
    CHECK((engines.narrow == engines.wide) == (set != kernels::InstructionSet::avx512));
    const kernels::Engines<float> as_fast{engines.narrow, engines.wide, true},
        halves{engines.narrow, engines.wide, false};
    for (std::int64_t columns = 1; columns < 200; ++columns) {
      // Where wide vectors take no more time, narrow ones are for columns that fit into one of them.
      const bool narrow = columns <= engines.narrow->vector_columns;
      CHECK(&as_fast.best_for(columns, 1, 1) == (narrow ? engines.narrow : engines.wide));
      CHECK(&as_fast.best_for(columns) == (narrow ? engines.narrow : engines.wide));
      const auto& best = halves.best_for(columns);
      const auto computed = [columns](const kernels::Engine<float>& e) {
        return (columns + e.vector_columns - 1) / e.vector_columns * e.vector_columns;
      };
      INFO(columns << " columns");
      CHECK(16 * computed(best) < 17 * computed(*engines.narrow));
    }
  }
}

TEST_CASE("instruction sets have the names that XTAPE_ISA takes, also those that this processor lacks") {
  using Set = kernels::InstructionSet;
  CHECK(kernels::to_string(Set::portable) == "portable");
  CHECK(kernels::to_string(Set::avx2) == "avx2");
  CHECK(kernels::to_string(Set::avx512_only) == "avx512_only");
  CHECK(kernels::to_string(Set::avx512) == "avx512");
  const auto none = static_cast<Set>(99);
  CHECK(kernels::to_string(none) == "?");
  std::string names;
  for (const Set set : kernels::available_instruction_sets()) {
    names += (names.empty() ? "" : ", ") + std::string(kernels::to_string(set));
  }
  const Set before = kernels::instruction_set();
  CHECK(error_of([&] { kernels::set_instruction_set(none); }) ==
        "set_instruction_set: expected an instruction set of this processor (" + names + "), got '?'");
  CHECK(kernels::instruction_set() == before);
}

TEST_CASE("where wide vectors take twice the time, few rows use them and products of little depth do not") {
  const KernelSettings restored;
  for (const auto set : kernels::available_instruction_sets()) {
    if (set != kernels::InstructionSet::avx512) continue;  // the only one with two widths
    kernels::set_instruction_set(set);
    const auto check = [](const auto& in_use) {
      using Engines = std::remove_cvref_t<decltype(in_use)>;
      const Engines halves{in_use.narrow, in_use.wide, false};
      const std::int64_t whole = 4 * in_use.wide->tile_columns;  // whole panels of both
      for (const std::int64_t rows : {1, 3, 4, 5}) {
        for (const std::int64_t depth : {1, 79, 80, 500}) {
          CAPTURE(rows, depth);
          CHECK(&halves.best_for(whole, rows, depth) == (rows < 4 || depth >= 80 ? in_use.wide : in_use.narrow));
          // a panel of the narrow engine at most
          CHECK(&halves.best_for(in_use.narrow->tile_columns, rows, depth) == in_use.narrow);
        }
      }
      CHECK(&halves.best_for(in_use.narrow->tile_columns + 1, 3) == in_use.wide);
    };
    check(kernels::engines_in_use<float>());
    check(kernels::engines_in_use<double>());
  }
}

// Run by the test below, in separate processes.
TEST_CASE("prints the instruction set", "[.instruction_set]") {
  std::printf("%s, exact %d\n", std::string(kernels::to_string(kernels::instruction_set())).c_str(),
              static_cast<int>(kernels::exact_convolutions()));
}

TEST_CASE("XTAPE_ISA and XTAPE_EXACT set the instruction set and the method, and other values are errors") {
  const auto printed = [](const std::string& variables) {
    const TemporaryFolder folder;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe");
    static_cast<void>(std::system(fmt::format("unset XTAPE_ISA XTAPE_EXACT; {} '{}' '[.instruction_set]' > '{}' 2>&1",
                                              variables, program, (folder / "out").string())
                                      .c_str()));
    std::ifstream stream(folder / "out");
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const auto sets = kernels::available_instruction_sets();
  std::string names;
  for (const auto set : sets) {
    const std::string name(kernels::to_string(set));
    names += (names.empty() ? "" : ", ") + name;
    CHECK_THAT(printed("XTAPE_ISA=" + name), Catch::Contains(name + ", exact 0\n"));
  }
  CHECK_THAT(printed(""), Catch::Contains(std::string(kernels::to_string(sets.back())) + ", exact 0\n"));
  CHECK_THAT(printed("XTAPE_EXACT=1"), Catch::Contains(", exact 1\n"));
  CHECK_THAT(printed("XTAPE_EXACT=0"), Catch::Contains(", exact 0\n"));
  for (const std::string wrong : {"avx", "AVX2", "", "avx512 "}) {
    // the program breaks long lines, so words are compared
    std::string text = printed("XTAPE_ISA='" + wrong + "'");
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    std::string wanted =
        fmt::format("XTAPE_ISA: expected an instruction set of this processor ({}), got '{}'", names, wrong);
    std::erase(wanted, ' ');
    CHECK_THAT(text, Catch::Contains(wanted));
  }
  for (const std::string wrong : {"2", "", "true", "01"}) {
    CHECK_THAT(printed("XTAPE_EXACT='" + wrong + "'"),
               Catch::Contains("XTAPE_EXACT: expected 0 or 1, got '" + wrong + "'"));
  }
}
