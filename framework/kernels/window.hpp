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

/// The taps [first, last) of `size` that lie on an image of `length`, when the first of all is at `start`.
struct TapRange {
  std::int64_t first, last;
};
inline TapRange taps_inside(std::int64_t start, std::int64_t size, std::int64_t dilation, std::int64_t length) {
  const std::int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const std::int64_t last = start < length ? (length - start + dilation - 1) / dilation : 0;
  return {first, last < size ? last : size};
}

/// The rows and columns of taps of an output pixel that lie on the image.
struct TapRanges {
  TapRange rows, columns;
};
inline TapRanges taps_on_image(const Window& window, Pixel out) {
  return {taps_inside(out.row * window.stride_height - window.pad_top, window.kernel_height, window.dilation_height,
                      window.height),
          taps_inside(out.column * window.stride_width - window.pad_left, window.kernel_width, window.dilation_width,
                      window.width)};
}

/// Calls f(input pixel index, number of the tap) for the taps of an output pixel that lie on the image, in row-major
/// order.
template <class F>
void for_each_tap(const Window& window, Pixel out, const F& f) {
  const std::int64_t top = out.row * window.stride_height - window.pad_top;
  const std::int64_t left = out.column * window.stride_width - window.pad_left;
  const auto [rows, columns] = taps_on_image(window, out);
  for (std::int64_t kh = rows.first; kh < rows.last; ++kh) {
    const std::int64_t row = out.image * window.height + top + kh * window.dilation_height;
    for (std::int64_t kw = columns.first; kw < columns.last; ++kw) {
      f(row * window.width + left + kw * window.dilation_width, kh * window.kernel_width + kw);
    }
  }
}

}  // namespace xtape::kernels
