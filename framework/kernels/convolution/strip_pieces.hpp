// The building blocks of a strip convolution (see strips.hpp). Internal to kernels/.
#pragma once

#include <algorithm>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/threads/function_ref.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {

/// A strip: `rows` output rows of one image, from `row` on.
struct Piece {
  std::int64_t image, row, rows;
};

/// The output rows of all images, divided into strips of at most 512 pixels but at least one row, so that a strip and
/// its input stay in the caches.
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

/// A convolution that is computed strip by strip.
template <class T>
class Strips {
 public:
  Strips(const Window& window, std::int64_t filters)
      : engine_(engines_in_use<T>().best_for(filters)), window_(window), filters_(filters) {}

  /// Number of values in an output row.
  std::int64_t output_row() const { return window_.out_width * filters_; }
  /// Number of values in w.
  std::int64_t kernel_size() const { return depth() * filters_; }

  /// Packs w into the panels that multiply reads, packed_size() values.
  std::int64_t packed_size() const { return depth() * panels() * engine_.tile_columns; }
  void pack(const T* w, T* packed) const {
    engine_.pack({w, filters_, false}, depth(), filters_, packed, depth() * engine_.tile_columns);
  }

  /// Number of values in the padded copy of the input under a strip of `rows` rows.
  std::int64_t copy_size(std::int64_t rows) const { return copied_rows(rows) * copied_width(); }

  /// Computes the output of a strip, y (rows, out_width, filters), from the images x. `copy` is a workspace of
  /// copy_size(rows) values.
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

  /// dw (kernel_height, kernel_width, channels, filters) = the contribution of a strip, or dw += if `accumulate`. dy
  /// (rows, out_width, filters) is packed unless it already has the layout of one panel, because tiles read whole
  /// vectors and rows of several panels are too far apart. `copy` and `packed_dy` are workspaces.
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
  /// Number of values in packed_dy for `rows` rows; 0 if dy is not packed.
  std::int64_t packed_gradient_size(std::int64_t rows) const {
    const std::int64_t width = engine_.tile_columns;
    const bool is_panel = filters_ == width || 2 * filters_ == width;
    return is_panel ? 0 : rows * window_.out_width * panels() * width;
  }

  /// Copies the input of a strip with its padding to `copy` and describes it.
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

/// Computes a sum over all pieces: add(begin, end, sum) writes the sum over the pieces [begin, end), `size` values.
/// Each task has its own sum; these are added in the order of the tasks, so the total does not depend on the number of
/// threads.
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
