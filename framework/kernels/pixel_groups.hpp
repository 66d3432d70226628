// Convolutions with few filters, which would leave most of a register tile empty. Internal to kernels/.
#pragma once

#include <algorithm>

#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// A convolution that computes `size` neighbouring pixels of a row of the output at once, as if they were filters of
/// one pixel: the kernel becomes wider by size - 1 strides, and filter f of pixel p has its weights p strides further
/// right between zeros. Output and gradient of the output lie in memory as before. With a dilation_width of 1.
class PixelGroups {
 public:
  /// As many pixels as fill up to `columns` filters and divide the rows; 1 when there is no room for two.
  PixelGroups(const Window& window, std::int64_t filters, std::int64_t columns)
      : window_(window), filters_(filters), size_(1) {
    while (2 * size_ * filters <= columns && window.out_width % (2 * size_) == 0) size_ *= 2;
  }

  std::int64_t size() const { return size_; }
  std::int64_t filters() const { return size_ * filters_; }
  Window window() const {
    Window wide = window_;
    wide.out_width /= size_;
    wide.stride_width *= size_;
    wide.kernel_width += (size_ - 1) * window_.stride_width;
    return wide;
  }
  /// Values of the wide kernel.
  std::int64_t values() const { return window().taps() * window_.channels * filters(); }

  /// The wide kernel.
  template <class T>
  void widen(const T* w, T* wide) const {
    std::fill_n(wide, values(), T{0});
    for_each_row([&](std::int64_t narrow_row, std::int64_t wide_row) {
      std::copy_n(w + narrow_row * filters_, filters_, wide + wide_row);
    });
  }
  /// dw from the gradient of the wide kernel: the sum over the pixels.
  template <class T>
  void narrow(const T* wide, T* dw) const {
    std::fill_n(dw, window_.taps() * window_.channels * filters_, T{0});
    for_each_row([&](std::int64_t narrow_row, std::int64_t wide_row) {
      for (std::int64_t f = 0; f < filters_; ++f) dw[narrow_row * filters_ + f] += wide[wide_row + f];
    });
  }

 private:
  /// Calls f(row of w, where its filters begin in the wide kernel) for each pixel, tap and channel.
  template <class F>
  void for_each_row(const F& f) const {
    const std::int64_t length = window_.kernel_width * window_.channels;
    const std::int64_t wide_length = window().kernel_width * window_.channels;
    for (std::int64_t pixel = 0; pixel < size_; ++pixel) {
      const std::int64_t shift = pixel * window_.stride_width * window_.channels;
      for (std::int64_t kh = 0; kh < window_.kernel_height; ++kh) {
        for (std::int64_t i = 0; i < length; ++i) {
          f(kh * length + i, (kh * wide_length + shift + i) * filters() + pixel * filters_);
        }
      }
    }
  }

  Window window_;
  std::int64_t filters_, size_;
};

}  // namespace xtape::kernels
