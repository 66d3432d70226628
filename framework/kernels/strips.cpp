#include "framework/kernels/strips.hpp"

#include <algorithm>

#include "framework/kernels/engine.hpp"
#include "framework/kernels/function_ref.hpp"
#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/kernels/pooling.hpp"
#include "framework/kernels/rounding.hpp"

namespace xtape::kernels {
namespace {

/// Some rows of one image.
struct Piece {
  std::int64_t image, row, rows;
};

/// The rows of all images cut into pieces whose pixels, and what is read for them, stay in the caches.
class Pieces {
 public:
  Pieces(std::int64_t images, std::int64_t rows, std::int64_t pixels_a_row)
      : images_(images),
        rows_(rows),
        most_rows_(ceil_div(rows, ceil_div(rows, std::max<std::int64_t>(1, most_pixels / pixels_a_row)))),
        of_image_(ceil_div(rows, most_rows_)) {}

  std::int64_t count() const { return images_ * of_image_; }
  std::int64_t most_rows() const { return most_rows_; }
  Piece operator[](std::int64_t i) const {
    const std::int64_t row = i % of_image_ * most_rows_;
    return {i / of_image_, row, std::min(most_rows_, rows_ - row)};
  }

 private:
  static constexpr std::int64_t most_pixels = 512;
  std::int64_t images_, rows_, most_rows_, of_image_;
};

/// A convolution, some rows of the output of one image at a time. The part of the image under them is copied with its
/// padding, and then what neighbouring pixels read is always the same distance apart.
template <class T>
class Strips {
 public:
  Strips(const Window& window, std::int64_t filters) : window_(window), filters_(filters) {}

  std::int64_t output_row() const { return window_.out_width * filters_; }
  std::int64_t kernel_size() const { return depth() * filters_; }

  /// w as multiply reads it, and how many values that are.
  std::int64_t packed_size() const { return depth() * panels() * engine_.tile_columns; }
  void pack(const T* w, T* packed) const {
    engine_.pack({w, filters_, false}, depth(), filters_, packed, depth() * engine_.tile_columns);
  }

  /// Values of the copy that is made of the image under `rows` rows.
  std::int64_t copy_size(std::int64_t rows) const { return copied_rows(rows) * copied_width(); }

  /// y (rows, out_width, filters): rows of the output from images x.
  void multiply(const T* x, const Piece& piece, const T* packed, T* copy, T* y) const {
    engine_.multiply_strips({.rows = piece.rows,
                             .pixels = window_.out_width,
                             .columns = filters_,
                             .input = padded_input(x, piece, copy),
                             .b = packed,
                             .c = y,
                             .c_row = output_row(),
                             .c_pixel = filters_});
  }

  /// dw from dy (rows, out_width, filters), or dw += if `accumulate`. dy is packed unless it is a panel as it is: tiles
  /// read whole vectors, and rows of several panels lie too far apart.
  void add_kernel_gradient(const T* x, const Piece& piece, const T* dy, bool accumulate, T* copy, T* packed_dy,
                           T* dw) const {
    const std::int64_t pixels = piece.rows * window_.out_width, width = engine_.tile_columns;
    const bool packs = packed_gradient_size(piece.rows) > 0;
    if (packs) engine_.pack({dy, filters_, false}, pixels, filters_, packed_dy, pixels * width);
    engine_.add_strip_products({.rows = piece.rows,
                                .pixels = window_.out_width,
                                .columns = filters_,
                                .input = padded_input(x, piece, copy),
                                .b = packs ? packed_dy : dy,
                                .b_pixel = packs ? width : filters_,
                                .b_panel = packs ? pixels * width : width,
                                .c = dw,
                                .accumulate = accumulate});
  }
  /// Values of packed_dy for `rows` rows.
  std::int64_t packed_gradient_size(std::int64_t rows) const {
    const std::int64_t width = engine_.tile_columns;
    const bool is_panel = filters_ == width || 2 * filters_ == width;
    return is_panel ? 0 : rows * window_.out_width * panels() * width;
  }

 private:
  std::int64_t run() const { return window_.kernel_width * window_.channels; }
  std::int64_t depth() const { return window_.kernel_height * run(); }
  std::int64_t panels() const { return ceil_div(filters_, engine_.tile_columns); }
  std::int64_t copied_rows(std::int64_t rows) const {
    return (rows - 1) * window_.stride_height + window_.kernel_height;
  }
  std::int64_t copied_width() const {
    return (window_.out_width - 1) * window_.stride_width * window_.channels + run();
  }

  StripInput<T> padded_input(const T* x, const Piece& piece, T* copy) const {
    const std::int64_t channels = window_.channels, width = copied_width();
    const std::int64_t left = std::min(window_.pad_left * channels, width);
    const std::int64_t inside = std::min(window_.width * channels, width - left);
    const std::int64_t first = piece.row * window_.stride_height - window_.pad_top;
    T* out = copy;
    for (std::int64_t row = first; row < first + copied_rows(piece.rows); ++row, out += width) {
      if (row < 0 || row >= window_.height) {
        std::fill_n(out, width, T{0});
        continue;
      }
      std::fill_n(out, left, T{0});
      std::copy_n(x + (piece.image * window_.height + row) * window_.width * channels, inside, out + left);
      std::fill(out + left + inside, out + width, T{0});
    }
    return {.data = copy,
            .row = window_.stride_height * width,
            .pixel = window_.stride_width * channels,
            .segment = width,
            .segments = window_.kernel_height,
            .length = run()};
  }

  const Engine<T>& engine_ = engine<T>();
  const Window& window_;
  std::int64_t filters_;
};

/// The sum of what add(piece, first, task's sum) adds for all pieces. Each task sums up its own, then the sums of the
/// tasks are added in their order.
template <class T>
void add_up(const Pieces& pieces, std::int64_t size, FunctionRef<void(std::int64_t, std::int64_t, T*)> add, T* total) {
  const std::int64_t task = ceil_div(pieces.count(), wanted_tasks), tasks = ceil_div(pieces.count(), task);
  const Workspace<T> sums(tasks * size);
  parallel_for(pieces.count(), task,
               [&](std::int64_t begin, std::int64_t end) { add(begin, end, sums.data() + begin / task * size); });
  std::copy_n(sums.data(), size, total);
  for (std::int64_t i = 1; i < tasks; ++i) {
    for (std::int64_t k = 0; k < size; ++k) total[k] += sums[i * size + k];
  }
}

/// Rows of a pooling and the rows of the convolution's output under them.
class PooledRows {
 public:
  explicit PooledRows(const Window& pooling) : pooling_(pooling) {}
  Pieces pieces() const { return {pooling_.batch, pooling_.out_height, pooling_.stride_height * pooling_.width}; }
  /// Of the convolution.
  Piece under(const Piece& pooled) const {
    const std::int64_t top = pooled.row * pooling_.stride_height - pooling_.pad_top;
    const std::int64_t end = top + (pooled.rows - 1) * pooling_.stride_height + pooling_.kernel_height;
    const std::int64_t first = std::max<std::int64_t>(0, top);
    return {pooled.image, first, std::min(end, pooling_.height) - first};
  }
  std::int64_t most_under(std::int64_t rows) const {
    return (rows - 1) * pooling_.stride_height + pooling_.kernel_height;
  }
  /// The pooling of these rows by themselves.
  Window window(const Piece& pooled) const {
    const Piece read = under(pooled);
    Window w = pooling_;
    w.batch = 1;
    w.out_height = pooled.rows;
    w.height = read.rows;
    w.pad_top = read.row - (pooled.row * pooling_.stride_height - pooling_.pad_top);
    return w;
  }
  /// Where they begin in the pooled images.
  std::int64_t offset(const Piece& pooled) const {
    return (pooled.image * pooling_.out_height + pooled.row) * pooling_.out_width * pooling_.channels;
  }

 private:
  const Window& pooling_;
};

}  // namespace

template <class T>
void strips_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y) {
  const Strips<T> strips(window, filters);
  const Pieces pieces(window.batch, window.out_height, window.out_width);
  const Workspace<T> packed(strips.packed_size());
  strips.pack(w, packed.data());
  parallel_for(pieces.count(), ceil_div(pieces.count(), 4 * wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> copy(strips.copy_size(pieces.most_rows()));
    for (std::int64_t i = begin; i < end; ++i) {
      const Piece piece = pieces[i];
      T* const out = y + (piece.image * window.out_height + piece.row) * strips.output_row();
      strips.multiply(x, piece, packed.data(), copy.data(), out);
    }
  });
}

template <class T>
void strips_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  const Strips<T> strips(window, filters);
  const Pieces pieces(window.batch, window.out_height, window.out_width);
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(strips.copy_size(pieces.most_rows()));
    const Workspace<T> packed(strips.packed_gradient_size(pieces.most_rows()));
    for (std::int64_t i = begin; i < end; ++i) {
      const Piece piece = pieces[i];
      const T* const from = dy + (piece.image * window.out_height + piece.row) * strips.output_row();
      strips.add_kernel_gradient(x, piece, from, i > begin, copy.data(), packed.data(), sum);
    }
  };
  add_up<T>(pieces, strips.kernel_size(), add, dw);
}

template <class T>
void strips_conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y,
                            std::int32_t* places) {
  const Strips<T> strips(window, pooling.channels);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t most_rows = rows.most_under(pieces.most_rows());
  const Workspace<T> packed(strips.packed_size());
  strips.pack(w, packed.data());
  parallel_for(pieces.count(), ceil_div(pieces.count(), 4 * wanted_tasks), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> copy(strips.copy_size(most_rows));
    const Workspace<T> convolved(most_rows * strips.output_row());
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t to = rows.offset(pieces[i]);
      strips.multiply(x, rows.under(pieces[i]), packed.data(), copy.data(), convolved.data());
      max_pool(rows.window(pieces[i]), convolved.data(), y + to, places ? places + to : nullptr);
    }
  });
}

template <class T>
void strips_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw) {
  const Strips<T> strips(window, pooling.channels);
  const PooledRows rows(pooling);
  const Pieces pieces = rows.pieces();
  const std::int64_t most_rows = rows.most_under(pieces.most_rows());
  const auto add = [&](std::int64_t begin, std::int64_t end, T* sum) {
    const Workspace<T> copy(strips.copy_size(most_rows));
    const Workspace<T> convolved_dy(most_rows * strips.output_row());
    const Workspace<T> packed(strips.packed_gradient_size(most_rows));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t from = rows.offset(pieces[i]);
      max_pool_gradient(rows.window(pieces[i]), places + from, dy + from, convolved_dy.data());
      strips.add_kernel_gradient(x, rows.under(pieces[i]), convolved_dy.data(), i > begin, copy.data(), packed.data(),
                                 sum);
    }
  };
  add_up<T>(pieces, strips.kernel_size(), add, dw);
}

template void strips_conv2d(const Window&, std::int64_t, const float*, const float*, float*);
template void strips_conv2d(const Window&, std::int64_t, const double*, const double*, double*);
template void strips_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void strips_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void strips_conv2d_max_pool(const Window&, const Window&, const float*, const float*, float*, std::int32_t*);
template void strips_conv2d_max_pool(const Window&, const Window&, const double*, const double*, double*,
                                     std::int32_t*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const float*, const std::int32_t*,
                                              const float*, float*);
template void strips_max_pool_kernel_gradient(const Window&, const Window&, const double*, const std::int32_t*,
                                              const double*, double*);

}  // namespace xtape::kernels
