// The choice of the images for which Winograd's method is as accurate as the definition.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/convolution/winograd_sizes.hpp"
#include "framework/kernels/convolution/winograd_tiles.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

using namespace winograd;

// The method computes 4x4 output pixels from sums and differences over a patch of 6x6 input pixels. The rounding error
// of a large value therefore appears in all 16 outputs, including those whose 3x3 window does not contain the value.
// Its measured amount is about one unit roundoff u = 2^-24 of that value times a weight. In the definition, the
// rounding error of an output is proportional to the terms of this output alone.
//
// The size of a pixel is the largest |x| of its channels. The size of a window or patch is the largest size of its
// pixels. A tile is called even if the size of its patch is at most `allowed_ratio` times the size of the window of
// each of its outputs. In an even tile the error of an output is at most about 32 u = 2e-6 of the largest value in its
// own window times the largest weight. This is the error of the method for values that all have the same size. An image
// with a tile that is not even is computed by the definition. NaN and infinity are larger than all numbers, and a tile
// that contains them is never even, so they affect only the outputs whose windows contain them. If a window is all
// zeros and its patch is not, the tile is not even, because the output must be exactly 0.
//
// An element of a kernel gradient depends on the pixels of a patch that one tap reads. If a tile has at least 3 rows
// and columns, these contain a window. In a last tile of fewer, which is called narrow, a large pixel may lie in the
// windows of all outputs and not among the pixels of a tap. Therefore the patch of a narrow tile must be at most
// `allowed_ratio` times the largest patch of the other tiles of the image, which all taps read.
//
// A channel with large values everywhere makes all tiles even, whatever the other channels contain, but a filter may
// ignore this channel. Therefore the largest value of an image, and of each of its channels, must be at most 2^20 times
// the geometric mean of its nonzero values. A few small values among zeros, as relu produces them, hardly lower this
// mean. If the gradient of a batch is concentrated in one pixel, batch normalization adds about 2^-17 of it to all
// other pixels. The limit admits such images. These conditions are no strict bound. If a filter ignores the largest
// channels of a window, its output has an error of up to 32 u of the values in these channels. The conditions do not
// exclude this, for example if a channel contains a few large pixels among zeros.
//
// The transforms multiply values by up to 100 (of x), 225 (of dy), 1 (of w, from sums of 2) and 361 (of products), and
// divide weights by up to 576. The conditions on each `SizeRange` keep all intermediate values finite, and keep the
// errors of underflow below the rounding errors.

constexpr double allowed_ratio = 32;

/// Converts the bits of a size to the size.
template <class T>
double number(SizeBits<T> size) {
  return static_cast<double>(std::bit_cast<T>(size));
}

/// A plane with the sizes of the pixels of an image, surrounded by zeros.
template <class T>
class Sizes {
 public:
  Sizes(std::int64_t rows, std::int64_t columns, std::int64_t channels)
      : rows_(rows), columns_(columns), plane_(static_cast<std::size_t>(rows * columns)), spread_(channels) {}

  /// Replaces the plane by that of another image, whose first pixel is at row `top` and column `left`. Does not clear
  /// the border, so all images must have the same size and position.
  void read(const Engine<T>& engine, const T* image, std::int64_t height, std::int64_t width, std::int64_t channels,
            std::int64_t top, std::int64_t left) {
    spread_.clear();
    const std::int64_t first = std::max<std::int64_t>(0, -left), last = std::min(width, columns_ - left);
    for (std::int64_t i = std::max<std::int64_t>(0, -top); i < std::min(height, rows_ - top); ++i) {
      spread_.add(engine, image + (i * width + first) * channels, last - first,
                  plane_.data() + (i + top) * columns_ + first + left);
    }
  }
  const SizeBits<T>* row(std::int64_t i) const { return plane_.data() + i * columns_; }
  const Spread<T>& spread() const { return spread_; }

 private:
  std::int64_t rows_, columns_;
  std::vector<SizeBits<T>> plane_;
  Spread<T> spread_;
};

/// Computes the sizes of the 3x3 windows of a row of `count` outputs from three rows of pixel sizes. `tall` is a
/// workspace.
template <class B>
void window_row(const B* a, const B* b, const B* c, std::int64_t count, B* tall, B* windows) {
  for (std::int64_t j = 0; j < count + 2; ++j) tall[j] = std::max(std::max(a[j], b[j]), c[j]);
  for (std::int64_t j = 0; j < count; ++j) windows[j] = std::max(std::max(tall[j], tall[j + 1]), tall[j + 2]);
}

/// The range of the patch sizes of an image; nullopt if a tile is not even. Every pixel of a patch lies in the window
/// of an output of its tile, so the size of a patch is the largest size of these windows. The image has a whole tile.
template <class T>
std::optional<SizeRange> even_tiles(const Window& w, const Sizes<T>& sizes) {
  SizeRange range;
  std::vector<SizeBits<T>> tall(static_cast<std::size_t>(w.out_width + 2)),
      windows(static_cast<std::size_t>(w.out_width));
  std::vector<SizeBits<T>> most(windows.size()), least(windows.size());
  double largest = 0, largest_narrow = 0;  // patch of a tile, and of a narrow one
  for (std::int64_t i = 0; i < w.out_height; ++i) {
    window_row(sizes.row(i), sizes.row(i + 1), sizes.row(i + 2), w.out_width, tall.data(), windows.data());
    if (i % tile_edge == 0) {
      most = least = windows;
    } else {
      for (std::size_t j = 0; j < windows.size(); ++j) {
        most[j] = std::max(most[j], windows[j]);
        least[j] = std::min(least[j], windows[j]);
      }
    }
    if (i % tile_edge + 1 != tile_edge && i + 1 != w.out_height) continue;
    for (std::size_t j = 0; j < windows.size(); j += tile_edge) {
      const std::size_t end = std::min(j + tile_edge, windows.size());
      const bool narrow = i % tile_edge < 2 || end - j < 3;
      const double patch = number<T>(*std::max_element(&most[j], &most[0] + end));
      const double window = number<T>(*std::min_element(&least[j], &least[0] + end));
      if (!std::isfinite(patch) || patch > allowed_ratio * window) return std::nullopt;
      range.add(patch);
      double& largest_of_kind = narrow ? largest_narrow : largest;
      largest_of_kind = std::max(largest_of_kind, patch);
    }
  }
  if (largest_narrow > allowed_ratio * largest) return std::nullopt;
  return range;
}

/// For each image the range of its patch sizes; nullopt if the image must be computed by the definition.
template <class T>
std::vector<std::optional<SizeRange>> even_images(const Engine<T>& engine, const Window& w, const T* x) {
  const Tiling tiling(w, {});
  const std::int64_t pixels = w.height * w.width;
  std::vector<std::optional<SizeRange>> ranges(static_cast<std::size_t>(w.batch));
  if (pixels > Spread<T>::most_pixels) return ranges;
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, pixels * w.channels));
  parallel_for(w.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    Sizes<T> sizes(tiling.rows * tile_edge + 2, tiling.columns * tile_edge + 2, w.channels);
    for (std::int64_t image = begin; image < end; ++image) {
      sizes.read(engine, x + image * pixels * w.channels, w.height, w.width, w.channels, w.pad_top, w.pad_left);
      if (sizes.spread().even()) ranges[static_cast<std::size_t>(image)] = even_tiles(w, sizes);
    }
  });
  return ranges;
}

constexpr SizeRange unfit{0, HUGE_VAL};

/// The range of the sizes of the 9 taps, sizes[tap * count + i], of all `count` channels or filters i. Returns `unfit`
/// if a tap of a channel or filter is more than `allowed_ratio` times as large as another one. At a border or beside
/// zeros some outputs do not depend on the large tap, but would contain its rounding error.
template <class T>
SizeRange range_of_taps(const std::vector<SizeBits<T>>& sizes, std::int64_t count) {
  SizeRange all;
  for (std::int64_t i = 0; i < count; ++i) {
    SizeBits<T> most = 0, least = std::numeric_limits<SizeBits<T>>::max();
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const SizeBits<T> size = sizes[static_cast<std::size_t>(tap * count + i)];
      most = std::max(most, size);
      least = std::min(least, size);
    }
    const double largest = number<T>(most);
    if (!std::isfinite(largest) || largest > allowed_ratio * number<T>(least)) return unfit;
    all.add(largest);
  }
  return all;
}

/// The images for which the convolution with a kernel whose weights have this range is accurate.
template <class T>
Images images_for_convolution(const Window& window, const T* x, const SizeRange& weights) {
  constexpr SizeRange one{1, 1};
  Images images;
  if (!std::isfinite(weights.most) || !products_in_range<T>(weights, one, 2, 1)) return images;
  const std::vector<std::optional<SizeRange>> even = even_images(*engines_in_use<T>().wide, window, x);
  const auto channels = static_cast<double>(window.channels);
  for (std::int64_t i = 0; i < window.batch; ++i) {
    const std::optional<SizeRange>& patches = even[static_cast<std::size_t>(i)];
    if (patches && products_in_range<T>(*patches, one, 100, 0) &&
        products_in_range<T>(*patches, weights, 361 * 100 * channels, channels)) {
      images.push_back(i);
    }
  }
  return images;
}

}  // namespace

// The size of a tap is the largest |w| over all filters for a channel, and over all channels for a filter. The taps of
// each channel and of each filter must be within `allowed_ratio` of one another.
template <class T>
SizeRange kernel_range(std::int64_t channels, std::int64_t filters, const T* w) {
  const Engine<T>& engine = *engines_in_use<T>().wide;
  std::vector<SizeBits<T>> of_channels(static_cast<std::size_t>(9 * channels)),
      of_filters(static_cast<std::size_t>(9 * filters));
  parallel_for(9, 1, [&](std::int64_t tap, std::int64_t) {
    Spread<T> spread(filters);
    spread.add(engine, w + tap * channels * filters, channels, of_channels.data() + tap * channels);
    std::ranges::copy(spread.most(), of_filters.begin() + tap * filters);
  });
  SizeRange range = range_of_taps<T>(of_channels, channels);
  const SizeRange range_of_filters = range_of_taps<T>(of_filters, filters);
  range.least = std::min(range.least, range_of_filters.least);
  range.most = std::max(range.most, range_of_filters.most);
  return range;
}

template <class T>
Images images_for_conv2d(const Window& window, const T* x, const SizeRange& kernel) {
  return images_for_convolution(window, x, kernel);
}

template <class T>
Images images_for_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w) {
  return images_for_convolution(window, x, kernel_range(window.channels, filters, w));
}

template <class T>
Images images_for_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w) {
  return images_for_convolution(reversed(window, filters), dy, kernel_range(window.channels, filters, w));
}

// An element of the kernel gradient is a sum of x[p + t] dy[p]. The rounding error of a large x or dy appears in the
// elements of all 9 taps, and its relative size there is that of this factor to its neighbours. Therefore both x and dy
// must be even.
template <class T>
Images images_for_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy) {
  const Engine<T>& engine = *engines_in_use<T>().wide;
  constexpr SizeRange one{1, 1};
  const std::vector<std::optional<SizeRange>> even = even_images(engine, window, x);
  const std::vector<std::optional<SizeRange>> even_gradients = even_images(engine, reversed(window, filters), dy);
  const Tiling tiling(window, {});
  const auto tiles = static_cast<double>(tiling.rows * tiling.columns),
             images_in_sum = static_cast<double>(window.batch);
  Images images;
  for (std::int64_t i = 0; i < window.batch; ++i) {
    const std::optional<SizeRange>&patches = even[static_cast<std::size_t>(i)],
          &gradients = even_gradients[static_cast<std::size_t>(i)];
    if (patches && gradients && products_in_range<T>(*patches, one, 100, 0) &&
        products_in_range<T>(*gradients, one, 225, 0) &&
        products_in_range<T>(*patches, *gradients, 16 * 100 * 225 * tiles * images_in_sum, tiles)) {
      images.push_back(i);
    }
  }
  return images;
}

template SizeRange kernel_range(std::int64_t, std::int64_t, const float*);
template Images images_for_conv2d(const Window&, const float*, const SizeRange&);
template Images images_for_conv2d(const Window&, std::int64_t, const float*, const float*);
template Images images_for_input_gradient(const Window&, std::int64_t, const float*, const float*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const float*, const float*);
template SizeRange kernel_range(std::int64_t, std::int64_t, const double*);
template Images images_for_conv2d(const Window&, const double*, const SizeRange&);
template Images images_for_conv2d(const Window&, std::int64_t, const double*, const double*);
template Images images_for_input_gradient(const Window&, std::int64_t, const double*, const double*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const double*, const double*);

}  // namespace xtape::kernels
