#include "framework/kernels/gemm/product.hpp"

#include <algorithm>
#include <vector>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

// The blocking of a product, in the terms of BLIS (Van Zee and van de Geijn: BLIS: A Framework for Rapidly
// Instantiating BLAS Functionality, 2015):
//
//   MR x NR  The register tile: the block of C that one call of a micro-kernel computes in registers. MR is
//            Engine::tile_rows and NR is Engine::tile_columns.
//   KC       The depth of a slice: slice_depth, or a little less so that slices are equal. A panel of B, KC x NR, stays
//            in the first-level cache while the micro-kernel runs over the rows of A.
//   MC       The rows of A in a task: row_tiles * MR, more if the slice is shallow. Their values in a slice, MC x KC,
//            fit in the second-level cache.
//   NC       The columns of B that are packed at a time: as many panels as fit in most_packed values at full depth.
//
// Two things differ from BLIS. A is not packed; the micro-kernel reads it through the indirection buffer. B is packed
// at full depth, and each task loops over the slices for its own block of C.
constexpr std::int64_t slice_depth = 256;
constexpr std::int64_t row_tiles = 24;
constexpr std::int64_t most_packed = 4 << 20;
constexpr std::int64_t finished_values = 32768;  // values of C in a task whose part of C is finished in the cache
constexpr std::int64_t wide_columns = 128;       // columns packed at once, so that rows of B are read in long pieces
constexpr std::int64_t least_work = 1 << 17;  // multiply-adds of a task; a smaller one takes less than waking a thread

/// Divides the depth into slices: long segments into equal parts of at most slice_depth values, rounded up to 8; short
/// segments into groups of at most slice_depth values.
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

/// The packed layout of B: panels of NR columns, and slices of its depth.
template <class T>
class Packing {
 public:
  using Source = FunctionRef<PackSource<T>(std::int64_t segment)>;

  Packing(const Engine<T>& engine, std::int64_t columns, std::int64_t segments, std::int64_t length)
      : engine_(engine),
        columns_(columns),
        length_(length),
        depth_(segments * length),
        slices_(cut_depth(segments, length)) {}

  const std::vector<Slice>& slices() const { return slices_; }
  std::int64_t panels() const { return ceil_div(columns_, width()); }
  /// Number of columns in panels [first, last); the last panel of B may be incomplete.
  std::int64_t columns(std::int64_t first, std::int64_t last) const {
    return std::min(columns_, last * width()) - first * width();
  }
  std::int64_t deepest_slice() const {
    std::int64_t deepest = 0;
    for (const Slice& slice : slices_) deepest = std::max(deepest, slice.depth());
    return deepest;
  }
  std::int64_t most_segments() const { return std::ranges::max(slices_, {}, &Slice::segments).segments; }
  /// Number of values in that many panels at full depth.
  std::int64_t values(std::int64_t panels) const { return depth_ * panels * width(); }
  /// The offset of panel number `panel` of a slice in a block of `panels` packed panels.
  std::int64_t offset(const Slice& slice, std::int64_t panel, std::int64_t panels) const {
    return ((slice.segment * length_ + slice.start * slice.segments) * panels + panel * slice.depth()) * width();
  }

  /// Packs panels [first, last) of a slice, one after another.
  void pack(const Source& b, const Slice& slice, std::int64_t first, std::int64_t last, T* packed) const {
    for (std::int64_t s = 0; s < slice.segments; ++s) {
      engine_.pack(b(slice.segment + s).from(slice.start, first * width()), slice.length, columns(first, last),
                   packed + s * slice.length * width(), slice.depth() * width());
    }
  }
  /// Packs panels [first, last) of all slices, on all threads.
  void pack_all(const Source& b, std::int64_t first, std::int64_t last, T* packed) const {
    parallel_for(last - first, ceil_div(last - first, wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
      for (const Slice& slice : slices_) {
        pack(b, slice, first + begin, first + end, packed + offset(slice, begin, last - first));
      }
    });
  }

 private:
  std::int64_t width() const { return engine_.tile_columns; }

  const Engine<T>& engine_;
  std::int64_t columns_, length_, depth_;
  std::vector<Slice> slices_;
};

/// One product and its blocking.
template <class T>
class Multiplication {
 public:
  Multiplication(const Product<T>& product, const Engine<T>& engine)
      : p_(product),
        engine_(engine),
        packing_(engine, product.columns, product.segments, product.length),
        row_block_(engine_.tile_rows * row_tiles *
                   std::max<std::int64_t>(1, slice_depth / std::max<std::int64_t>(packing_.deepest_slice(), 16))) {
    if (!product.finish) return;
    const std::int64_t tiles = finished_values / std::max<std::int64_t>(1, product.columns) / engine_.tile_rows;
    row_block_ = std::min(row_block_, std::max<std::int64_t>(1, tiles) * engine_.tile_rows);
  }

  void run() const {
    if (p_.packed) return multiply_packed(p_.packed->data(), 0, packing_.panels());
    if (p_.rows <= engine_.tile_rows * row_tiles) return pack_in_place();
    const std::int64_t block = std::max<std::int64_t>(1, most_packed / packing_.values(1));
    for (std::int64_t first = 0; first < packing_.panels(); first += block) {
      const std::int64_t last = std::min(packing_.panels(), first + block);
      const Workspace<T> packed(packing_.values(last - first));
      packing_.pack_all(p_.b, first, last, packed.data());
      multiply_packed(packed.data(), first, last);
    }
  }

 private:
  /// For few rows: each task packs the columns that it multiplies with, so that they stay in its cache.
  void pack_in_place() const {
    const std::int64_t panels = packing_.panels();
    const std::int64_t wide = std::min(wide_columns / engine_.tile_columns, ceil_div(panels, 4));
    parallel_for(panels, std::max(wide, ceil_div(panels, wanted_tasks)), [&](std::int64_t first, std::int64_t last) {
      const Workspace<T> packed(packing_.deepest_slice() * (last - first) * engine_.tile_columns);
      const Block block(*this, 0, p_.rows, first, last);
      for (const Slice& slice : packing_.slices()) {
        packing_.pack(p_.b, slice, first, last, packed.data());
        block.multiply(slice, packed.data());
      }
    });
  }

  /// Computes the columns of panels [first, last) of C. These panels are packed.
  void multiply_packed(const T* packed, std::int64_t first, std::int64_t last) const {
    const std::int64_t panels = last - first;
    const std::int64_t work = p_.rows * packing_.values(panels);
    const std::int64_t threads = usable_threads(), wanted = threads == 1 ? 1 : std::min(2 * threads, wanted_tasks);
    const std::int64_t tasks = std::clamp<std::int64_t>(work / least_work, 1, wanted);
    // Columns are divided before rows, because each task reads the whole B of its columns.
    const std::int64_t group = ceil_div(panels, std::min(panels, ceil_div(tasks, ceil_div(p_.rows, row_block_))));
    const std::int64_t groups = ceil_div(panels, group);
    const std::int64_t tiles = ceil_div(ceil_div(p_.rows, engine_.tile_rows), ceil_div(tasks, groups));
    const std::int64_t rows = std::min(row_block_, tiles * engine_.tile_rows);
    parallel_for(ceil_div(p_.rows, rows) * groups, 1, [&](std::int64_t task, std::int64_t) {
      const std::int64_t row = task / groups * rows;
      const std::int64_t begin = task % groups * group;
      const std::int64_t end = std::min(panels, begin + group);
      const Block block(*this, row, std::min(p_.rows, row + rows), first + begin, first + end);
      for (const Slice& slice : packing_.slices()) {
        block.multiply(slice, packed + packing_.offset(slice, begin, panels));
      }
    });
  }

  /// Rows [begin, end) and the columns of panels [first, last) of C.
  class Block {
   public:
    Block(const Multiplication& in, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last)
        : in_(in),
          begin_(begin),
          end_(end),
          first_column_(first * in.engine_.tile_columns),
          columns_(in.packing_.columns(first, last)),
          a_((end - begin) * in.packing_.most_segments()),
          c_(end - begin) {
      in.p_.c(begin, end, c_.data());
      for (std::int64_t i = 0; i < end - begin; ++i) c_[i] += first_column_;
    }

    /// Adds one slice. `packed` holds the panels of the slice. The first slice overwrites C unless p_.accumulate; after
    /// the last one, C is finished.
    void multiply(const Slice& slice, const T* packed) const {
      const Product<T>& p = in_.p_;
      p.a(begin_, end_, slice, a_.data());
      in_.engine_.multiply_rows({.rows = end_ - begin_,
                                 .columns = columns_,
                                 .segments = slice.segments,
                                 .length = slice.length,
                                 .a = a_.data(),
                                 .zeros = p.zeros,
                                 .b = packed,
                                 .c = c_.data(),
                                 .accumulate = p.accumulate || slice.segment > 0 || slice.start > 0});
      if (p.finish && &slice == &in_.packing_.slices().back()) {
        (*p.finish)(c_.data(), end_ - begin_, first_column_, columns_);
      }
    }

   private:
    const Multiplication& in_;
    std::int64_t begin_, end_, first_column_, columns_;
    Workspace<const T*> a_;
    Workspace<T*> c_;
  };

  const Product<T>& p_;
  const Engine<T>& engine_;
  Packing<T> packing_;
  std::int64_t row_block_;
};

}  // namespace

template <class T>
PackedMatrix<T>::PackedMatrix(std::int64_t columns, std::int64_t segments, std::int64_t length,
                              FunctionRef<PackSource<T>(std::int64_t)> b)
    : engine_(chosen_for(columns, segments * length)),
      columns_(columns),
      segments_(segments),
      length_(length),
      values_(segments * length * ceil_div(columns, engine_.tile_columns) * engine_.tile_columns) {
  const Packing<T> packing(engine_, columns, segments, length);
  packing.pack_all(b, 0, packing.panels(), values_.data());
}

template <class T>
void multiply(const Product<T>& p, const Engines<T>& engines) {
  const std::int64_t depth = p.segments * p.length;
  Multiplication<T>(p, p.packed ? p.packed->engine() : engines.best_for(p.columns, p.rows, depth)).run();
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;
template void multiply(const Product<float>&, const Engines<float>&);
template void multiply(const Product<double>&, const Engines<double>&);

}  // namespace xtape::kernels
