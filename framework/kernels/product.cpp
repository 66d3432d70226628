#include "framework/kernels/product.hpp"

#include <algorithm>
#include <vector>

#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/kernels/rounding.hpp"

namespace xtape::kernels {
namespace {

constexpr std::int64_t slice_depth = 256;  // a packed panel of this depth fits in the first-level cache
constexpr std::int64_t row_tiles = 24;     // rows of A of this many tiles, a slice deep, fit in the second-level one
constexpr std::int64_t most_packed = 4 << 20;  // values of B that are packed at a time
constexpr std::int64_t wanted_tasks = 16;      // so that a few threads finish at about the same time

std::vector<Slice> cut_depth(std::int64_t segments, std::int64_t length) {
  std::vector<Slice> slices;
  if (length > slice_depth) {
    const std::int64_t part = ceil_div(ceil_div(length, ceil_div(length, slice_depth)), 8) * 8;
    for (std::int64_t s = 0; s < segments; ++s) {
      for (std::int64_t start = 0; start < length; start += part) {
        slices.push_back({s, 1, start, std::min(part, length - start)});
      }
    }
  } else {
    const std::int64_t most = std::max<std::int64_t>(1, slice_depth / length);
    const std::int64_t count = ceil_div(segments, ceil_div(segments, most));
    for (std::int64_t s = 0; s < segments; s += count) slices.push_back({s, std::min(count, segments - s), 0, length});
  }
  return slices;
}

/// One product, and how it is cut.
template <class T>
class Multiplication {
 public:
  explicit Multiplication(const Product<T>& product)
      : p_(product),
        engine_(engine<T>()),
        slices_(cut_depth(product.segments, product.length)),
        panels_(ceil_div(product.columns, engine_.tile_columns)),
        row_block_(engine_.tile_rows * row_tiles) {}

  void run() const {
    if (p_.rows <= row_block_) return pack_in_place();
    const std::int64_t depth = p_.segments * p_.length;
    const std::int64_t block = std::max<std::int64_t>(1, most_packed / (depth * engine_.tile_columns));
    for (std::int64_t first = 0; first < panels_; first += block) {
      const std::int64_t last = std::min(panels_, first + block);
      const Workspace<T> packed(depth * (last - first) * engine_.tile_columns);
      pack_ahead(first, last, packed.data());
      multiply_packed(packed.data(), first, last);
    }
  }

 private:
  /// Few rows: each task packs the columns it works on, which stay in its cache.
  void pack_in_place() const {
    parallel_for(panels_, ceil_div(panels_, wanted_tasks), [&](std::int64_t first, std::int64_t last) {
      std::int64_t deepest = 0;
      for (const Slice& slice : slices_) deepest = std::max(deepest, slice.depth());
      const Workspace<T> packed(deepest * (last - first) * engine_.tile_columns);
      for (const Slice& slice : slices_) {
        pack(slice, first, last, packed.data());
        multiply_block(slice, 0, p_.rows, first, last, packed.data());
      }
    });
  }

  /// Panels [first, last) of B, slice by slice.
  void pack_ahead(std::int64_t first, std::int64_t last, T* packed) const {
    parallel_for(last - first, ceil_div(last - first, wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
      for (const Slice& slice : slices_) {
        pack(slice, first + begin, first + end,
             packed + offset(slice, last - first) + begin * slice.depth() * engine_.tile_columns);
      }
    });
  }

  /// Where a slice of that many packed panels begins.
  std::int64_t offset(const Slice& slice, std::int64_t panels) const {
    return (slice.segment * p_.length + slice.start * slice.segments) * panels * engine_.tile_columns;
  }

  /// The columns of panels [first, last), which were packed ahead.
  void multiply_packed(const T* packed, std::int64_t first, std::int64_t last) const {
    const std::int64_t row_blocks = ceil_div(p_.rows, row_block_);
    const std::int64_t wanted = std::min(ceil_div(wanted_tasks, row_blocks), ceil_div(last - first, 4));
    const std::int64_t group = ceil_div(last - first, std::max<std::int64_t>(1, wanted));
    const std::int64_t groups = ceil_div(last - first, group);
    parallel_for(row_blocks * groups, 1, [&](std::int64_t task, std::int64_t) {
      const std::int64_t row = task / groups * row_block_;
      const std::int64_t begin = task % groups * group;
      const std::int64_t end = std::min(last - first, begin + group);
      for (const Slice& slice : slices_) {
        multiply_block(slice, row, std::min(p_.rows, row + row_block_), first + begin, first + end,
                       packed + offset(slice, last - first) + begin * slice.depth() * engine_.tile_columns);
      }
    });
  }

  /// Panels [first, last) of a slice of B, one after another.
  void pack(const Slice& slice, std::int64_t first, std::int64_t last, T* packed) const {
    const std::int64_t width = engine_.tile_columns;
    const std::int64_t columns = std::min(p_.columns, last * width) - first * width;
    for (std::int64_t s = 0; s < slice.segments; ++s) {
      engine_.pack(p_.b(slice.segment + s).from(slice.start, first * width), slice.length, columns,
                   packed + s * slice.length * width, slice.depth() * width);
    }
  }

  void multiply_block(const Slice& slice, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last,
                      const T* packed) const {
    const std::int64_t width = engine_.tile_columns;
    const Workspace<const T*> a((end - begin) * slice.segments);
    const Workspace<T*> c(end - begin);
    p_.a(begin, end, slice, a.data());
    p_.c(begin, end, c.data());
    for (std::int64_t i = 0; i < end - begin; ++i) c[i] += first * width;
    engine_.multiply_rows({.rows = end - begin,
                           .columns = std::min(p_.columns, last * width) - first * width,
                           .segments = slice.segments,
                           .length = slice.length,
                           .a = a.data(),
                           .zeros = p_.zeros,
                           .b = packed,
                           .c = c.data(),
                           .accumulate = p_.accumulate || slice.segment > 0 || slice.start > 0});
  }

  const Product<T>& p_;
  const Engine<T>& engine_;
  std::vector<Slice> slices_;
  std::int64_t panels_, row_block_;
};

/// The ranges of [0, count) that are not zeros: from result[2 i] up to result[2 i + 1]. Short stretches of zeros are
/// left in, since a break costs more.
template <class T>
std::vector<std::int64_t> runs_of(const T* const* rows, std::int64_t count, const T* zeros) {
  constexpr std::int64_t short_stretch = 4;
  std::vector<std::int64_t> runs;
  for (std::int64_t k = 0; k < count; ++k) {
    if (zeros && rows[k] == zeros) continue;
    if (!runs.empty() && k - runs.back() <= short_stretch) {
      runs.back() = k + 1;
    } else {
      runs.insert(runs.end(), {k, k + 1});
    }
  }
  return runs;
}

/// One transposed product, and how it is cut.
template <class T>
class TransposedMultiplication {
 public:
  explicit TransposedMultiplication(const TransposedProduct<T>& product) : p_(product), engine_(engine<T>()) {}

  void run() const {
    const std::int64_t size = p_.segments * p_.rows * p_.columns;
    if (size <= small_result && p_.depth >= 2 * least_chunk) return add_chunks(size);
    const std::int64_t row_block = std::min(p_.rows, engine_.tile_rows * 16);
    const std::int64_t row_blocks = ceil_div(p_.rows, row_block);
    const std::int64_t panels = ceil_div(p_.columns, engine_.tile_columns);
    const std::int64_t wanted = std::max(ceil_div(panels, 16), ceil_div(wanted_tasks, p_.segments * row_blocks));
    const std::int64_t column_block = ceil_div(panels, std::min(panels, wanted)) * engine_.tile_columns;
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
  static constexpr std::int64_t small_result = 1 << 17, least_chunk = 1024;

  struct Block {
    std::int64_t first_segment, last_segment, first_row, last_row, first_column, last_column;
  };

  /// A small result of a great depth: chunks of the depth are summed up each by itself, then the sums in their order.
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

  /// The part of the depth from begin to end, for a block of C.
  void add(const Block& block, std::int64_t begin, std::int64_t end, T* c, std::int64_t c_stride,
           bool accumulate) const {
    const std::int64_t columns = block.last_column - block.first_column;
    const Workspace<T> packed(ceil_div(columns, engine_.tile_columns) * engine_.tile_columns * depth_block);
    const Workspace<const T*> a(depth_block);
    const std::int64_t rows = block.last_row - block.first_row;
    const std::int64_t left_stride = padded(rows);
    const Workspace<T> left(depth_block * left_stride);
    for (std::int64_t k = begin; k < end; k += depth_block) {
      const std::int64_t depth = std::min(depth_block, end - k);
      engine_.pack(p_.b.from(k, block.first_column), depth, columns, packed.data(), depth * engine_.tile_columns);
      for (std::int64_t s = block.first_segment; s < block.last_segment; ++s) {
        p_.a(s, k, k + depth, a.data());
        const std::vector<std::int64_t> runs = runs_of(a.data(), depth, p_.zeros);
        if (runs.empty() && (accumulate || k > begin)) continue;
        for (std::int64_t i = 0; i < depth; ++i) {
          std::copy_n(a[i] == p_.zeros ? a[i] : a[i] + block.first_row, rows, left.data() + i * left_stride);
        }
        engine_.add_outer_products({.rows = rows,
                                    .columns = columns,
                                    .a = left.data(),
                                    .a_stride = left_stride,
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
void multiply(const Product<T>& product) {
  Multiplication<T>(product).run();
}

template <class T>
void multiply(const TransposedProduct<T>& product) {
  TransposedMultiplication<T>(product).run();
}

template void multiply(const Product<float>&);
template void multiply(const Product<double>&);
template void multiply(const TransposedProduct<float>&);
template void multiply(const TransposedProduct<double>&);

}  // namespace xtape::kernels
