// The pieces of a convolution by strips. Internal to kernels/.
#pragma once

#include <algorithm>

#include "framework/kernels/engine.hpp"
#include "framework/kernels/function_ref.hpp"
#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/window.hpp"

namespace xtape::kernels {

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
  Strips(const Window& window, std::int64_t filters)
      : engine_(engines_in_use<T>().best_for(filters)), window_(window), filters_(filters) {}

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

  /// What the pixels of these rows read, from the copy that is made here.
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

  const Engine<T>& engine_;
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

}  // namespace xtape::kernels
