// The indirection buffer of a convolution: which input pixels each output pixel reads, and in which order the output
// pixels are processed. Internal to kernels/.
//
// An indirection buffer is a table with one pointer for each output pixel and each tap of the kernel, to the channels
// of the input pixel under that tap. A matrix product that reads its left operand through these pointers is a
// convolution, without a copy of the image in im2col order. Stride, dilation and padding only change the pointers. The
// method is that of Dukhan: The Indirect Convolution Algorithm, 2019 (arXiv:1907.02129), as in XNNPACK.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {

/// A run of zeros. The indirection buffer points to it where a tap lies on padding.
template <class T>
class Zeros {
 public:
  explicit Zeros(std::int64_t count) : values_(count) { std::fill_n(values_.data(), count, T{0}); }
  const T* data() const { return values_.data(); }

 private:
  Workspace<T> values_;
};

/// A tap of the kernel: its offset in pixels from the origin of an output pixel's window, and its index in the kernel.
/// The offset includes dilation and padding, so it may be negative.
struct Tap {
  std::int64_t row, column, index;
};

/// The input of a convolution. For output pixel (n, i, j) and each tap it reads a run of `length` values that begins at
/// pixel (n, i * row_step + tap.row, j * column_step + tap.column) of the images (batch, height, width, channels). A
/// run that begins outside of an image is padding.
template <class T>
struct Gather {
  const T* images;
  std::int64_t height, width, channels;
  std::int64_t row_step, column_step;
  std::vector<Tap> taps;
  std::int64_t length;

  /// Writes the pointers of one tap for `count` output pixels to the indirection buffer: that of pixel i goes to
  /// out[i * stride]. The pixels begin with `first` and follow each other as PixelOrder::for_each_stretch gives them.
  void fill_indirection(const Tap& tap, Pixel first, std::int64_t count, bool by_position, const T* zeros,
                        const T** out, std::int64_t stride) const {
    const std::int64_t row = first.row * row_step + tap.row;
    std::int64_t column = first.column * column_step + tap.column;
    std::int64_t offset = ((first.image * height + row) * width + column) * channels;
    const std::int64_t columns = by_position ? 0 : column_step;  // distance in the image from one pixel to the next
    const std::int64_t step = by_position ? height * width * channels : column_step * channels;
    const bool inside = row >= 0 && row < height;
    for (std::int64_t i = 0; i < count; ++i, column += columns, offset += step) {
      out[i * stride] = inside && column >= 0 && column < width ? images + offset : zeros;
    }
  }
};

/// The order in which output pixels are processed: image by image, or for small images position by position, that is,
/// one pixel of all images before the next pixel. Then the pixels of a register tile have the same taps on padding, and
/// the micro-kernel skips these taps.
class PixelOrder {
 public:
  PixelOrder(std::int64_t batch, std::int64_t height, std::int64_t width, bool padded)
      : batch_(batch), height_(height), width_(width), by_position_(padded && height * width <= 16 && batch >= 8) {}

  std::int64_t count() const { return batch_ * height_ * width_; }
  bool by_position() const { return by_position_; }

  /// Calls f(i - begin, pixel, count) for stretches of the pixels [begin, end). The `count` pixels from number i on are
  /// neighbours in a row of an image, or in position order the same pixel of consecutive images.
  template <class F>
  void for_each_stretch(std::int64_t begin, std::int64_t end, const F& f) const {
    for (std::int64_t i = begin; i < end;) {
      const Pixel at = pixel(i);
      const std::int64_t count = std::min(end - i, by_position_ ? batch_ - at.image : width_ - at.column);
      f(i - begin, at, count);
      i += count;
    }
  }

  /// Calls f(i - begin, pixel) for each of the pixels [begin, end).
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
