// How products are divided into slices, blocks and tasks, seen from the functions that a product calls. The numbers are
// those of framework/kernels/gemm/product.cpp and transposed_product.cpp: 256 values of a slice, 24 tiles of rows, 2^17
// multiply-adds of a task, 128 values of columns, chunks of 1024 and blocks of 128 of the depth of a transposed
// product.
#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "framework/kernels/convolution/strip_pieces.hpp"
#include "framework/kernels/gemm/blas.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "framework/kernels/gemm/product.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

extern "C" int openblas_get_num_threads();

using namespace xtape;
using namespace xtape::test;

namespace {

/// The parts of a product of ones: the slices of its depth, and the blocks of C, rows [begin, end) from a column on.
struct Division {
  std::set<std::array<std::int64_t, 4>> slices;  // segment, segments, start, length
  std::vector<std::array<std::int64_t, 3>> blocks;
};

Division divided(std::int64_t rows, std::int64_t columns, std::int64_t segments, std::int64_t length, bool packs) {
  const std::vector<float> ones(static_cast<std::size_t>(std::max(length * columns, segments * length)), 1);
  Guarded<float> c(rows * columns);
  std::mutex mutex;
  Division division;
  const auto b = [&](std::int64_t) { return kernels::PackSource<float>{ones.data(), columns, false}; };
  const auto a = [&](std::int64_t begin, std::int64_t end, const kernels::Slice& slice, const float** out) {
    std::fill_n(out, (end - begin) * slice.segments, ones.data());
    const std::lock_guard lock(mutex);
    division.slices.insert({slice.segment, slice.segments, slice.start, slice.length});
  };
  const auto to = [&](std::int64_t begin, std::int64_t end, float** out) {
    for (std::int64_t i = begin; i < end; ++i) *out++ = c.data() + i * columns;
    const std::lock_guard lock(mutex);
    division.blocks.push_back({begin, end, 0});
  };
  std::optional<kernels::PackedMatrix<float>> packed;
  if (packs) packed.emplace(columns, segments, length, b);
  kernels::multiply<float>({.rows = rows,
                            .columns = columns,
                            .segments = segments,
                            .length = length,
                            .a = a,
                            .zeros = nullptr,
                            .b = b,
                            .c = to,
                            .packed = packs ? &*packed : nullptr},
                           kernels::engines_in_use<float>());
  CHECK(c == Guarded<float>(c.size(), static_cast<float>(segments * length)));
  return division;
}

}  // namespace

TEST_CASE("the depth of a product is divided into equal slices of at most 256 values") {
  const KernelSettings scope(1);
  for (const std::int64_t length : {257, 264, 300, 512, 513, 800, 1025}) {  // long segments: multiples of 8
    for (const std::int64_t segments : {1, 3}) {
      CAPTURE(length, segments);
      const std::int64_t parts = (length + 255) / 256, part = ((length + parts - 1) / parts + 7) / 8 * 8;
      std::set<std::array<std::int64_t, 4>> wanted;
      for (std::int64_t s = 0; s < segments; ++s) {
        for (std::int64_t start = 0; start < length; start += part) {
          wanted.insert({s, 1, start, std::min(part, length - start)});
        }
      }
      CHECK(divided(2, 5, segments, length, false).slices == wanted);
    }
  }
  for (const auto& [segments, length, count] :  // short segments: as many as fit, in equal groups
       std::vector<std::array<std::int64_t, 3>>{{1, 256, 1},
                                                {3, 256, 1},
                                                {3, 129, 1},
                                                {4, 128, 2},
                                                {3, 128, 2},
                                                {9, 28, 9},
                                                {9, 29, 5},
                                                {9, 85, 3},
                                                {9, 86, 2},
                                                {7, 64, 4},
                                                {5, 64, 3},
                                                {300, 1, 150},
                                                {256, 1, 256},
                                                {257, 1, 129}}) {
    CAPTURE(segments, length, count);
    std::set<std::array<std::int64_t, 4>> wanted;
    for (std::int64_t s = 0; s < segments; s += count) wanted.insert({s, std::min(count, segments - s), 0, length});
    CHECK(divided(2, 5, segments, length, false).slices == wanted);
  }
}

TEST_CASE("a packed product has one task for each 2^17 multiply-adds, at most two a thread and 16") {
  const std::int64_t columns = 64;  // whole panels of every engine
  for (const auto set : kernels::available_instruction_sets()) {
    for (const int threads : {1, 2, 3, 12}) {
      const KernelSettings scope(threads);
      kernels::set_instruction_set(set);
      for (const std::int64_t rows : {1, 8, 16, 31, 32, 48, 64, 128}) {
        CAPTURE(kernels::to_string(set), threads, rows);
        const kernels::PackedMatrix<float> any(columns, 1, 128, [](std::int64_t) -> kernels::PackSource<float> {
          static const std::vector<float> zeros(128 * 64);
          return {zeros.data(), 64, false};
        });
        const std::int64_t panels = columns / any.engine().tile_columns;
        const std::int64_t most = threads == 1 ? 1 : std::min<std::int64_t>(2 * threads, 16);
        const std::int64_t tasks = std::clamp<std::int64_t>(rows * columns * 128 / (1 << 17), 1, most);
        const std::int64_t tile_rows = any.engine().tile_rows, row_tiles = (rows + tile_rows - 1) / tile_rows;
        const std::int64_t blocks = std::ssize(divided(rows, columns, 1, 128, true).blocks);
        // columns are divided before rows, into equal groups of panels; then the tiles of rows
        const std::int64_t wide = std::min(tasks, panels),
                           groups = (panels + (panels + wide - 1) / wide - 1) / ((panels + wide - 1) / wide);
        const std::int64_t parts = (tasks + groups - 1) / groups, tiles = (row_tiles + parts - 1) / parts;
        CHECK(blocks == groups * ((row_tiles + tiles - 1) / tiles));
      }
    }
  }
}

TEST_CASE("a block of a product has at most 24 tiles of rows at full depth, more of a shallow product") {
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope(1);
    kernels::set_instruction_set(set);
    for (const auto& [depth, factor] :
         {std::pair<std::int64_t, std::int64_t>{256, 1}, {129, 1}, {128, 2}, {64, 4}, {17, 15}, {16, 16}, {3, 16}}) {
      const kernels::Engine<float>& engine =
          kernels::engines_in_use<float>().best_for(20, kernels::Engines<float>::many, depth);
      const std::int64_t most = engine.tile_rows * 24 * factor;
      for (const std::int64_t rows : {most - 1, most, most + 1, 2 * most + 1}) {
        if (rows <= engine.tile_rows * 24) continue;  // few rows: see below
        CAPTURE(kernels::to_string(set), depth, rows);
        const Division division = divided(rows, 20, 1, depth, false);
        std::int64_t longest = 0, total = 0;
        for (const auto& [begin, end, column] : division.blocks) {
          longest = std::max(longest, end - begin);
          total += end - begin;
        }
        CHECK(total == rows);
        CHECK(longest == std::min(rows, most));
      }
    }
  }
}

TEST_CASE("a product of few rows is divided into columns, 128 of a task or a quarter of the panels, or sixteen tasks") {
  for (const auto set : kernels::available_instruction_sets()) {
    const KernelSettings scope(1);
    kernels::set_instruction_set(set);
    for (const std::int64_t columns : {16, 64, 200, 512, 1000, 4096}) {
      const kernels::Engine<float>& engine = kernels::engines_in_use<float>().best_for(columns, 9, 100);
      const std::int64_t panels = (columns + engine.tile_columns - 1) / engine.tile_columns;
      const std::int64_t wide = std::min(128 / engine.tile_columns, (panels + 3) / 4);
      const std::int64_t of_task = std::max(wide, (panels + 15) / 16);
      CAPTURE(kernels::to_string(set), columns);
      const Division division = divided(9, columns, 1, 100, false);
      CHECK(std::ssize(division.blocks) == (panels + of_task - 1) / of_task);
      for (const auto& block : division.blocks) CHECK((block[0] == 0 && block[1] == 9));
    }
  }
}

TEST_CASE("a transposed product of a small result and a large depth reads each block of the depth once") {
  const auto reads = [](std::int64_t rows, std::int64_t columns, std::int64_t segments, std::int64_t depth) {
    const std::vector<float> ones(static_cast<std::size_t>(depth * std::max(rows, columns)), 1);
    Guarded<float> c(segments * rows * columns);
    std::vector<std::array<std::int64_t, 3>> calls;
    kernels::multiply<float>({.rows = rows,
                              .columns = columns,
                              .segments = segments,
                              .depth = depth,
                              .a =
                                  [&](std::int64_t s, std::int64_t begin, std::int64_t end, const float** out) {
                                    calls.push_back({begin, end, s});
                                    std::fill_n(out, end - begin, ones.data());
                                  },
                              .zeros = nullptr,
                              .b = {ones.data(), columns, false},
                              .c = c.data(),
                              .c_stride = columns},
                             kernels::engines_in_use<float>());
    CHECK(c == Guarded<float>(c.size(), static_cast<float>(depth)));
    return calls;
  };
  const KernelSettings scope(1);
  for (const std::int64_t depth : {2048, 2049, 3000, 5000, 16 * 1024, 17 * 1024 + 5, 40'000}) {
    // as many chunks of at least 1024 as fit, at most 16, of whole blocks of 128
    const std::int64_t count = std::min<std::int64_t>(16, depth / 1024);
    const std::int64_t chunk = ((depth + count - 1) / count + 127) / 128 * 128;
    std::vector<std::array<std::int64_t, 3>> wanted;
    for (std::int64_t begin = 0; begin < depth; begin += chunk) {
      const std::int64_t end = std::min(depth, begin + chunk);
      for (std::int64_t k = begin; k < end; k += 128) {
        for (const std::int64_t s : {0, 1}) wanted.push_back({k, std::min(k + 128, end), s});
      }
    }
    CAPTURE(depth);
    CHECK(reads(40, 100, 2, depth) == wanted);
  }
  // with less depth, or a larger result, the tasks are blocks of C, and each of them reads the depth
  for (const auto& [rows, columns, depth, once] :
       std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, bool>>{
           {40, 100, 2047, false}, {40, 100, 2048, true}, {256, 256, 2048, true}, {257, 256, 2048, false}}) {
    CAPTURE(rows, columns, depth);
    CHECK((std::ssize(reads(rows, columns, 2, depth)) == 2 * ((depth + 127) / 128)) == once);
  }
}

TEST_CASE("the sums of the chunks of the depth are added in order") {
  for (const auto& [depth, chunk] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {2048, 1024}, {5000, 1280}, {16 * 1024, 1024}, {32 * 1024, 2048}, {40'000, 2560}}) {
    // 2^24 + 1 is 2^24 in float32, so the result is 1 if both large numbers are in the second chunk alone
    std::vector<float> ones(static_cast<std::size_t>(depth), 1), b(ones.size());
    b[0] = 1;
    b[static_cast<std::size_t>(chunk)] = 0x1p24F;
    b[static_cast<std::size_t>(2 * chunk - 1)] = -0x1p24F;
    for (const int threads : {1, 3}) {
      const KernelSettings scope(threads);
      float c = 7;
      kernels::gemm<float>(1, 1, depth, {ones.data(), 1, true}, {b.data(), 1}, &c, 1);
      CAPTURE(depth, threads);
      CHECK(c == 1);
    }
  }
}

TEST_CASE("strips are equal pieces of at most 512 pixels, or of one row, and contain each row once") {
  for (const std::int64_t images : {1, 3}) {
    for (const std::int64_t rows : {1, 2, 7, 16, 17, 100}) {
      for (const std::int64_t pixels : {1, 5, 28, 100, 170, 171, 256, 257, 512, 513, 2000}) {
        CAPTURE(images, rows, pixels);
        const kernels::Pieces pieces(images, rows, pixels);
        const std::int64_t fit = std::max<std::int64_t>(1, 512 / pixels), count = (rows + fit - 1) / fit;
        CHECK(pieces.most_rows() == (rows + count - 1) / count);
        std::vector<std::int64_t> visited;
        for (std::int64_t i = 0; i < pieces.count(); ++i) {
          CHECK(pieces[i].rows <= pieces.most_rows());
          for (std::int64_t row = 0; row < pieces[i].rows; ++row) {
            visited.push_back(pieces[i].image * rows + pieces[i].row + row);
          }
        }
        std::vector<std::int64_t> wanted(static_cast<std::size_t>(images * rows));
        for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<std::int64_t>(i);
        CHECK(visited == wanted);
        CHECK(pieces.count() <= images * count);
      }
    }
  }
}

TEST_CASE("OpenBLAS has one thread, whatever the number of threads of the kernels") {
  const KernelSettings scope(3);
  kernels::keep_blas_single_threaded();
  CHECK(openblas_get_num_threads() == 1);
}
