// A window that slides over images: the geometry shared by convolution and pooling.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// Images (batch, height, width, channels) and a window of kernel_height x kernel_width taps, `dilation` apart, that
/// moves by `stride`; output position (i, j) has its first tap at row i * stride_height - pad_top, column
/// j * stride_width - pad_left. Taps outside the image lie on padding.
struct Window {
  std::int64_t batch, height, width, channels;
  std::int64_t out_height, out_width;
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height, stride_width;
  std::int64_t dilation_height, dilation_width;
  std::int64_t pad_top, pad_left;

  std::int64_t input_pixels() const { return batch * height * width; }
  std::int64_t output_pixels() const { return batch * out_height * out_width; }
  std::int64_t taps() const { return kernel_height * kernel_width; }
  /// Whether every output pixel sees exactly one input pixel and none is padding.
  bool pointwise() const { return taps() == 1 && pad_top == 0 && pad_left == 0 && fits_without_padding(); }
  bool unit_stride() const { return stride_height == 1 && stride_width == 1; }

 private:
  bool fits_without_padding() const {
    return (out_height - 1) * stride_height < height && (out_width - 1) * stride_width < width;
  }
};

/// A pixel of the output: which image, which row, which column.
struct Pixel {
  std::int64_t image, row, column;
};
inline Pixel output_pixel(const Window& window, std::int64_t index) {
  const std::int64_t column = index % window.out_width;
  const std::int64_t rest = index / window.out_width;
  return {rest / window.out_height, rest % window.out_height, column};
}

/// Calls f(tap, input pixel index) for the taps of an output pixel that lie on the image, and missing(tap) for those on
/// the padding, in row-major order.
template <class Hit, class Miss>
void for_each_tap(const Window& window, Pixel out, const Hit& hit, const Miss& miss) {
  std::int64_t tap = 0;
  for (std::int64_t kh = 0; kh < window.kernel_height; ++kh) {
    const std::int64_t row = out.row * window.stride_height + kh * window.dilation_height - window.pad_top;
    for (std::int64_t kw = 0; kw < window.kernel_width; ++kw, ++tap) {
      const std::int64_t column = out.column * window.stride_width + kw * window.dilation_width - window.pad_left;
      if (row >= 0 && row < window.height && column >= 0 && column < window.width) {
        hit(tap, (out.image * window.height + row) * window.width + column);
      } else {
        miss(tap);
      }
    }
  }
}

}  // namespace xtape::kernels
