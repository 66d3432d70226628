// Which pixels a convolution reads, and in which order. Internal to kernels/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// Zeros to read where there is no pixel.
template <class T>
class Zeros {
 public:
  explicit Zeros(std::int64_t count) : values_(count) { std::fill_n(values_.data(), count, T{0}); }
  const T* data() const { return values_.data(); }

 private:
  Workspace<T> values_;
};

/// The place of a tap relative to an output pixel's first one, and which of the kernel's taps it is.
struct Tap {
  std::int64_t row, column, index;
};

/// What a convolution reads: for output pixel (n, i, j) and each tap a run of `length` values, from pixel
/// (n, i * row_step + tap.row, j * column_step + tap.column) of the images on. Runs that start outside are padding.
template <class T>
struct Gather {
  const T* images;
  std::int64_t height, width, channels;
  std::int64_t row_step, column_step;
  std::vector<Tap> taps;
  std::int64_t length;

  /// The runs of `count` pixels of a stretch of the order, the i-th to out[i * stride].
  void runs(const Tap& tap, Pixel first, std::int64_t count, bool by_position, const T* zeros, const T** out,
            std::int64_t stride) const {
    const std::int64_t row = first.row * row_step + tap.row;
    std::int64_t column = first.column * column_step + tap.column;
    std::int64_t offset = ((first.image * height + row) * width + column) * channels;
    const std::int64_t columns = by_position ? 0 : column_step;  // from one pixel to the next
    const std::int64_t step = by_position ? height * width * channels : column_step * channels;
    const bool inside = row >= 0 && row < height;
    for (std::int64_t i = 0; i < count; ++i, column += columns, offset += step) {
      out[i * stride] = inside && column >= 0 && column < width ? images + offset : zeros;
    }
  }
};

/// Output pixels in the order in which they are worked on: image by image, or for small images position by position, so
/// that the pixels of a register tile have their padding in common and skip it.
class PixelOrder {
 public:
  PixelOrder(std::int64_t batch, std::int64_t height, std::int64_t width, bool padded)
      : batch_(batch), height_(height), width_(width), by_position_(padded && height * width <= 16 && batch >= 8) {}

  std::int64_t count() const { return batch_ * height_ * width_; }
  bool by_position() const { return by_position_; }

  /// Calls f(i - begin, pixel, count) for the pixels [begin, end) in stretches: `count` from pixel i on follow one
  /// another along a row of an image, or by position along the images.
  template <class F>
  void for_each_stretch(std::int64_t begin, std::int64_t end, const F& f) const {
    for (std::int64_t i = begin; i < end;) {
      const Pixel at = pixel(i);
      const std::int64_t count = std::min(end - i, by_position_ ? batch_ - at.image : width_ - at.column);
      f(i - begin, at, count);
      i += count;
    }
  }

  /// Calls f(i - begin, pixel) for the pixels [begin, end).
  template <class F>
  void for_each(std::int64_t begin, std::int64_t end, const F& f) const {
    Pixel at = pixel(begin);
    for (std::int64_t i = begin; i < end; ++i) {
      f(i - begin, at);
      if (by_position_) {
        if (++at.image < batch_) continue;
        at.image = 0;
      }
      if (++at.column < width_) continue;
      at.column = 0;
      if (++at.row < height_) continue;
      at.row = 0;
      ++at.image;
    }
  }

 private:
  Pixel pixel(std::int64_t i) const {
    const std::int64_t image = by_position_ ? i % batch_ : i / (height_ * width_);
    const std::int64_t position = by_position_ ? i / batch_ : i % (height_ * width_);
    return {image, position / width_, position % width_};
  }

  std::int64_t batch_, height_, width_;
  bool by_position_;
};

}  // namespace xtape::kernels
