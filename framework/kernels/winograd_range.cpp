// Where Winograd's method keeps the accuracy of the definition.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "framework/kernels/parallel.hpp"
#include "framework/kernels/winograd.hpp"
#include "framework/kernels/winograd_sizes.hpp"
#include "framework/kernels/winograd_tiles.hpp"

namespace xtape::kernels {
namespace {

using namespace winograd;

// The method computes 4x4 output pixels from sums and differences over a patch of 6x6 pixels. What a large value leaves
// of rounding is therefore in all 16 outputs, also in those whose 3x3 window does not hold it: about one unit roundoff
// u = 2^-24 of that value times a weight, as measured. The definition rounds in proportion to an output's own terms.
//
// Let the size of a pixel be the largest |x| of its channels, and that of a window or patch the largest of its pixels.
// A tile is even if its patch is at most `allowed_ratio` times as large as the window of each of its outputs. In an
// even tile the method's error in an output is so at most about 32 u = 2e-6 of the largest value in that output's own
// window times the largest weight: what the method's error is for values all of one size. An image with a tile that is
// not even is computed by the definition. NaN and infinity are larger than all numbers and never even, so they too
// reach only the outputs that see them. A window of zeros beside a patch that is not zero is not even: its output is 0.
//
// A filter may ignore a channel that is large everywhere, and so makes all tiles even whatever the other channels hold.
// The largest value of an image, and of each of its channels, must therefore be at most 2^20 times the geometric mean
// of its nonzero values. A few small values among zeros, as relu leaves them, hardly lower this mean; a gradient in one
// place of a batch leaves, through batch normalization, about 2^-17 of itself in all others.
// This is not a bound: an output whose filter ignores the largest channels of its window has an error of up to 32 u of
// their values where the other channels pass this test, as a few large pixels in a channel of zeros do.
//
// The transforms multiply values by up to 100 (of x), 225 (of dy), 1 (of w, from sums of 2) and 361 (of products), and
// divide weights by up to 576. `Range` keeps all intermediate values finite and what underflows of them below rounding.

constexpr double allowed_ratio = 32;

/// The sizes of an image's pixels as a plane with a border of zeros, at row `top` and column `left` of it.
template <class T>
class Sizes {
 public:
  Sizes(std::int64_t rows, std::int64_t columns, std::int64_t channels)
      : rows_(rows), columns_(columns), plane_(static_cast<std::size_t>(rows * columns)), spread_(channels) {}

  void read(const T* image, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t top,
            std::int64_t left) {
    std::fill(plane_.begin(), plane_.end(), T{0});
    spread_.clear();
    for (std::int64_t i = std::max<std::int64_t>(0, -top); i < std::min(height, rows_ - top); ++i) {
      for (std::int64_t j = std::max<std::int64_t>(0, -left); j < std::min(width, columns_ - left); ++j) {
        const T* pixel = image + (i * width + j) * channels;
        const Bits<T> size = spread_.add(pixel);
        plane_[static_cast<std::size_t>((i + top) * columns_ + j + left)] = std::bit_cast<T>(size);
      }
    }
  }
  const T* row(std::int64_t i) const { return plane_.data() + i * columns_; }
  const Spread<T>& spread() const { return spread_; }

 private:
  std::int64_t rows_, columns_;
  std::vector<T> plane_;
  Spread<T> spread_;
};

/// NaN if one of them is.
template <class T>
T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

/// The sizes of the 3x3 windows of a row of outputs.
template <class T>
void window_row(const Sizes<T>& sizes, std::int64_t i, std::int64_t count, T* tall, T* windows) {
  const T *a = sizes.row(i), *b = sizes.row(i + 1), *c = sizes.row(i + 2);
  for (std::int64_t j = 0; j < count + 2; ++j) tall[j] = larger(larger(a[j], b[j]), c[j]);
  for (std::int64_t j = 0; j < count; ++j) windows[j] = larger(larger(tall[j], tall[j + 1]), tall[j + 2]);
}

/// The sizes of an image's patches if all its tiles are even. Every pixel of a patch lies in the window of an output of
/// its tile, so the largest window is the patch.
template <class T>
std::optional<Range> even_tiles(const Window& w, const Sizes<T>& sizes) {
  Range range;
  std::vector<T> tall(static_cast<std::size_t>(w.out_width + 2)), windows(static_cast<std::size_t>(w.out_width));
  std::vector<T> most(static_cast<std::size_t>(w.out_width)), least(most.size());
  for (std::int64_t i = 0; i < w.out_height; ++i) {
    window_row(sizes, i, w.out_width, tall.data(), windows.data());
    for (std::size_t j = 0; j < windows.size(); ++j) {
      const bool first = i % tile_edge == 0;
      most[j] = first ? windows[j] : larger(most[j], windows[j]);
      least[j] = first ? windows[j] : std::min(least[j], windows[j]);
    }
    if (i % tile_edge + 1 != tile_edge && i + 1 != w.out_height) continue;
    for (std::size_t j = 0; j < windows.size(); j += tile_edge) {
      T patch = most[j], window = least[j];
      for (std::size_t k = j; k < std::min(j + tile_edge, windows.size()); ++k) {
        patch = larger(patch, most[k]);
        window = std::min(window, least[k]);
      }
      const auto size = static_cast<double>(patch);
      if (!std::isfinite(size) || size > allowed_ratio * static_cast<double>(window)) return std::nullopt;
      range.add(size);
    }
  }
  return range;
}

/// For each image the sizes of its patches if it is even.
template <class T>
std::vector<std::optional<Range>> even_images(const Window& w, const T* x) {
  const Tiling tiling(w, {});
  const std::int64_t pixels = w.height * w.width;
  std::vector<std::optional<Range>> ranges(static_cast<std::size_t>(w.batch));
  if (pixels > Spread<T>::most_pixels) return ranges;
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, pixels * w.channels));
  parallel_for(w.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    Sizes<T> sizes(tiling.rows * tile_edge + 2, tiling.columns * tile_edge + 2, w.channels);
    for (std::int64_t image = begin; image < end; ++image) {
      sizes.read(x + image * pixels * w.channels, w.height, w.width, w.channels, w.pad_top, w.pad_left);
      if (sizes.spread().even()) ranges[static_cast<std::size_t>(image)] = even_tiles(w, sizes);
    }
  });
  return ranges;
}

/// Of the 9 taps of each of `count` channels or filters, sizes[tap * count + i]: their range, if none is so much larger
/// than another tap that outputs which do not see it, at a border or beside zeros, would hold its rounding.
template <class T>
std::optional<Range> even_taps(const std::vector<T>& sizes, std::int64_t count) {
  Range all;
  for (std::int64_t i = 0; i < count; ++i) {
    double most = 0, least = HUGE_VAL;
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const auto size = static_cast<double>(sizes[static_cast<std::size_t>(tap * count + i)]);
      most = larger(most, size);
      least = std::min(least, size);
    }
    if (!std::isfinite(most) || most > allowed_ratio * least) return std::nullopt;
    all.add(most);
  }
  return all;
}

/// The sizes of a kernel (3, 3, channels, filters), if the taps of each channel and of each filter are even. The size
/// of a tap of a channel is its largest |w| of all filters, and that of a filter of all channels.
template <class T>
std::optional<Range> even_weights(std::int64_t channels, std::int64_t filters, const T* w) {
  std::vector<T> of_channels(static_cast<std::size_t>(9 * channels)), of_filters(static_cast<std::size_t>(9 * filters));
  parallel_for(9, 1, [&](std::int64_t tap, std::int64_t) {
    std::vector<Bits<T>> most(static_cast<std::size_t>(filters));
    for (std::int64_t c = 0; c < channels; ++c) {
      const T* row = w + (tap * channels + c) * filters;
      of_channels[static_cast<std::size_t>(tap * channels + c)] = std::bit_cast<T>(largest(row, filters));
      for (std::int64_t f = 0; f < filters; ++f) {
        Bits<T>& so_far = most[static_cast<std::size_t>(f)];
        so_far = std::max(so_far, magnitude(row[f]));
      }
    }
    for (std::int64_t f = 0; f < filters; ++f) {
      of_filters[static_cast<std::size_t>(tap * filters + f)] = std::bit_cast<T>(most[static_cast<std::size_t>(f)]);
    }
  });
  std::optional<Range> range = even_taps(of_channels, channels);
  const std::optional<Range> range_of_filters = even_taps(of_filters, filters);
  if (!range || !range_of_filters) return std::nullopt;
  range->least = std::min(range->least, range_of_filters->least);
  return range;
}

/// The images of a convolution with a kernel.
template <class T>
Images images_for_convolution(const Window& window, const T* x, const std::optional<Range>& weights) {
  constexpr Range one{1, 1};
  Images images;
  if (!weights || !products_in_range<T>(*weights, one, 2, 1)) return images;
  const std::vector<std::optional<Range>> even = even_images(window, x);
  const auto channels = static_cast<double>(window.channels);
  for (std::int64_t i = 0; i < window.batch; ++i) {
    const std::optional<Range>& patches = even[static_cast<std::size_t>(i)];
    if (patches && products_in_range<T>(*patches, one, 100, 0) &&
        products_in_range<T>(*patches, *weights, 361 * 100 * channels, channels)) {
      images.push_back(i);
    }
  }
  return images;
}

}  // namespace

template <class T>
Images images_for_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w) {
  return images_for_convolution(window, x, even_weights(window.channels, filters, w));
}

template <class T>
Images images_for_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w) {
  return images_for_convolution(reversed(window, filters), dy, even_weights(window.channels, filters, w));
}

// An element of the kernel's gradient sums x[p + t] dy[p]. What a large x or a large dy leaves of rounding is in the
// elements of all 9 taps, and is to them as its factor is to the factors beside it: both have to be even.
template <class T>
Images images_for_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy) {
  constexpr Range one{1, 1};
  const std::vector<std::optional<Range>> even = even_images(window, x);
  const std::vector<std::optional<Range>> even_gradients = even_images(reversed(window, filters), dy);
  const Tiling tiling(window, {});
  const auto tiles = static_cast<double>(tiling.rows * tiling.columns),
             images_in_sum = static_cast<double>(window.batch);
  Images images;
  for (std::int64_t i = 0; i < window.batch; ++i) {
    const std::optional<Range>&patches = even[static_cast<std::size_t>(i)],
          &gradients = even_gradients[static_cast<std::size_t>(i)];
    if (patches && gradients && products_in_range<T>(*patches, one, 100, 0) &&
        products_in_range<T>(*gradients, one, 225, 0) &&
        products_in_range<T>(*patches, *gradients, 16 * 100 * 225 * tiles * images_in_sum, tiles)) {
      images.push_back(i);
    }
  }
  return images;
}

template Images images_for_conv2d(const Window&, std::int64_t, const float*, const float*);
template Images images_for_input_gradient(const Window&, std::int64_t, const float*, const float*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const float*, const float*);
template Images images_for_conv2d(const Window&, std::int64_t, const double*, const double*);
template Images images_for_input_gradient(const Window&, std::int64_t, const double*, const double*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const double*, const double*);

}  // namespace xtape::kernels
