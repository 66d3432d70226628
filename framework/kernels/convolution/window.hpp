// Window: the geometry of a sliding window, shared by convolution and pooling.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// A window of kernel_height x kernel_width taps on images (batch, height, width, channels). Taps are `dilation` pixels
/// apart, and the window moves by `stride` pixels. The first tap of output pixel (i, j) is at row
/// i * stride_height - pad_top and column j * stride_width - pad_left. Taps outside of the image are padding.
struct Window {
  std::int64_t batch;            ///< number of images
  std::int64_t height;           ///< height of an image in pixels
  std::int64_t width;            ///< width of an image in pixels
  std::int64_t channels;         ///< number of channels of an image
  std::int64_t out_height;       ///< height of the output in pixels
  std::int64_t out_width;        ///< width of the output in pixels
  std::int64_t kernel_height;    ///< number of rows of taps
  std::int64_t kernel_width;     ///< number of columns of taps
  std::int64_t stride_height;    ///< vertical distance of neighbouring windows in pixels
  std::int64_t stride_width;     ///< horizontal distance of neighbouring windows in pixels
  std::int64_t dilation_height;  ///< vertical distance of neighbouring taps in pixels
  std::int64_t dilation_width;   ///< horizontal distance of neighbouring taps in pixels
  std::int64_t pad_top;          ///< rows of padding above the image
  std::int64_t pad_left;         ///< columns of padding to the left of the image
  std::int64_t groups = 1;       ///< groups of channels of a convolution; a filter reads the channels of one group

  /// The number of pixels of all images.
  std::int64_t input_pixels() const { return batch * height * width; }
  /// The number of output pixels of all images.
  std::int64_t output_pixels() const { return batch * out_height * out_width; }
  /// The number of channels that a filter of a convolution reads.
  std::int64_t group_channels() const { return channels / groups; }
  /// The number of taps of the window.
  std::int64_t taps() const { return kernel_height * kernel_width; }
  /// Whether every output pixel reads exactly one input pixel, never padding.
  bool pointwise() const { return taps() == 1 && pad_top == 0 && pad_left == 0 && fits_without_padding(); }
  /// Whether both strides are 1.
  bool unit_stride() const { return stride_height == 1 && stride_width == 1; }

 private:
  bool fits_without_padding() const {
    return (out_height - 1) * stride_height < height && (out_width - 1) * stride_width < width;
  }
};

/// The position of a pixel in a batch of images.
struct Pixel {
  std::int64_t image;   ///< index of the image in the batch
  std::int64_t row;     ///< row in the image
  std::int64_t column;  ///< column in the image
};
/// The output pixel with this index, counted image by image and row by row.
inline Pixel output_pixel(const Window& window, std::int64_t index) {
  const std::int64_t column = index % window.out_width;
  const std::int64_t rest = index / window.out_width;
  return {rest / window.out_height, rest % window.out_height, column};
}

/// A range [first, last) of taps along one axis.
struct TapRange {
  std::int64_t first;  ///< the first tap
  std::int64_t last;   ///< one past the last tap
};
/// The taps that lie on an image of `length` pixels, of a window with `size` taps whose first tap is at pixel `start`.
inline TapRange taps_inside(std::int64_t start, std::int64_t size, std::int64_t dilation, std::int64_t length) {
  const std::int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
  const std::int64_t last = start < length ? (length - start + dilation - 1) / dilation : 0;
  return {first, last < size ? last : size};
}

/// A rectangle of taps.
struct TapRanges {
  TapRange rows;     ///< the rows of taps
  TapRange columns;  ///< the columns of taps
};
/// The rows and columns of taps of an output pixel that lie on the image.
inline TapRanges taps_on_image(const Window& window, Pixel out) {
  return {taps_inside(out.row * window.stride_height - window.pad_top, window.kernel_height, window.dilation_height,
                      window.height),
          taps_inside(out.column * window.stride_width - window.pad_left, window.kernel_width, window.dilation_width,
                      window.width)};
}

/// Calls f(index of the input pixel, index of the tap) for the taps of an output pixel that lie on the image, in
/// row-major order.
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
