#include <algorithm>
#include <vector>

#include "framework/kernels/gemm/product.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Finds the ranges of [0, count) where rows[k] is not padding: [runs[2 i], runs[2 i + 1]). Up to four rows of padding
/// in between are included, because a new range costs more than computing with zeros.
template <class T>
void find_runs(const T* const* rows, std::int64_t count, const T* zeros, std::vector<std::int64_t>& runs) {
  constexpr std::int64_t short_stretch = 4;
  runs.clear();
  for (std::int64_t k = 0; k < count; ++k) {
    if (zeros && rows[k] == zeros) continue;
    if (!runs.empty() && k - runs.back() <= short_stretch) {
      runs.back() = k + 1;
    } else {
      runs.insert(runs.end(), {k, k + 1});
    }
  }
}

/// One transposed product and its blocking.
template <class T>
class TransposedMultiplication {
 public:
  TransposedMultiplication(const TransposedProduct<T>& product, const Engine<T>& engine)
      : p_(product), engine_(engine) {}

  void run() const {
    const std::int64_t size = p_.segments * p_.rows * p_.columns;
    if (size <= small_result && p_.depth >= 2 * least_chunk) return add_chunks(size);
    const std::int64_t row_block = std::min(p_.rows, engine_.tile_rows * 32);
    const std::int64_t row_blocks = ceil_div(p_.rows, row_block);
    const std::int64_t panels = ceil_div(p_.columns, engine_.tile_columns);
    const std::int64_t wanted = std::max(ceil_div(panels, 16), ceil_div(wanted_tasks, p_.segments * row_blocks));
    const std::int64_t column_block =
        std::max(ceil_div(panels, std::min(panels, wanted)) * engine_.tile_columns, least_columns);
    const std::int64_t column_blocks = ceil_div(p_.columns, column_block);
    parallel_for(p_.segments * row_blocks * column_blocks, 1, [&](std::int64_t task, std::int64_t) {
      const std::int64_t row = task / column_blocks % row_blocks * row_block;
      const std::int64_t column = task % column_blocks * column_block;
      const std::int64_t s = task / column_blocks / row_blocks;
      const Block block{
          s, s + 1, row, std::min(p_.rows, row + row_block), column, std::min(p_.columns, column + column_block)};
      add(block, 0, p_.depth, p_.c, p_.c_stride, p_.accumulate);
    });
  }

 private:
  static constexpr std::int64_t depth_block = 128;
  static constexpr std::int64_t least_columns = 32;  // with fewer, the copy of the rows of A costs too much
  static constexpr std::int64_t small_result = 1 << 17, least_chunk = 1024;

  struct Block {
    std::int64_t first_segment, last_segment, first_row, last_row, first_column, last_column;
  };

  /// For a small C and a large depth: the depth is divided into chunks, which are summed in parallel; then the sums are
  /// added in order.
  void add_chunks(std::int64_t size) const {
    const std::int64_t count = std::min<std::int64_t>(wanted_tasks, p_.depth / least_chunk);
    const std::int64_t chunk = ceil_div(ceil_div(p_.depth, count), depth_block) * depth_block;
    const Workspace<T> sums(ceil_div(p_.depth, chunk) * size);
    parallel_for(p_.depth, chunk, [&](std::int64_t begin, std::int64_t end) {
      add({0, p_.segments, 0, p_.rows, 0, p_.columns}, begin, end, sums.data() + begin / chunk * size, p_.columns,
          false);
    });
    parallel_for(p_.segments * p_.rows, ceil_div(4096, p_.columns), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* c = p_.c + row * p_.c_stride;
        for (std::int64_t k = 0; k < p_.depth; k += chunk) {
          const T* sum = sums.data() + k / chunk * size + row * p_.columns;
          const bool first = k == 0 && !p_.accumulate;
          for (std::int64_t j = 0; j < p_.columns; ++j) c[j] = first ? sum[j] : c[j] + sum[j];
        }
      }
    });
  }

  /// Adds the depth from begin to end to a block of C, or overwrites the block first unless `accumulate`.
  void add(const Block& block, std::int64_t begin, std::int64_t end, T* c, std::int64_t c_stride,
           bool accumulate) const {
    const std::int64_t columns = block.last_column - block.first_column;
    const Workspace<T> packed(ceil_div(columns, engine_.tile_columns) * engine_.tile_columns * depth_block);
    const Workspace<const T*> a(depth_block);
    const std::int64_t rows = block.last_row - block.first_row;
    const bool copies = rows > 32;  // to another stride: rows a power of two apart map to few sets of the cache
    const std::int64_t left_stride = padded(rows);
    const Workspace<T> left(copies ? depth_block * left_stride : 0);
    std::vector<std::int64_t> runs;
    for (std::int64_t k = begin; k < end; k += depth_block) {
      const std::int64_t depth = std::min(depth_block, end - k);
      engine_.pack(p_.b.from(k, block.first_column), depth, columns, packed.data(), depth * engine_.tile_columns);
      for (std::int64_t s = block.first_segment; s < block.last_segment; ++s) {
        p_.a(s, k, k + depth, a.data());
        find_runs(a.data(), depth, p_.zeros, runs);
        if (runs.empty() && (accumulate || k > begin)) continue;
        for (std::int64_t i = 0; i < depth; ++i) {
          if (a[i] == p_.zeros) continue;
          a[i] += block.first_row;
          if (!copies) continue;
          T* const copy = left.data() + i * left_stride;
          std::copy_n(a[i], rows, copy);
          a[i] = copy;
        }
        engine_.add_outer_products({.rows = rows,
                                    .columns = columns,
                                    .a = a.data(),
                                    .runs = runs.data(),
                                    .run_count = static_cast<std::int64_t>(runs.size() / 2),
                                    .b = packed.data(),
                                    .depth = depth,
                                    .c = c + (s * p_.rows + block.first_row) * c_stride + block.first_column,
                                    .c_stride = c_stride,
                                    .accumulate = accumulate || k > begin});
      }
    }
  }

  const TransposedProduct<T>& p_;
  const Engine<T>& engine_;
};

}  // namespace

template <class T>
void multiply(const TransposedProduct<T>& product, const Engines<T>& engines) {
  TransposedMultiplication<T>(product, engines.best_for(product.columns)).run();
}

template void multiply(const TransposedProduct<float>&, const Engines<float>&);
template void multiply(const TransposedProduct<double>&, const Engines<double>&);

}  // namespace xtape::kernels
