// Where Winograd's method keeps the accuracy of the definition.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "framework/kernels/parallel.hpp"
#include "framework/kernels/winograd.hpp"
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

constexpr double allowed_ratio = 32;

/// |x| as an integer, which orders numbers by size and puts infinity and then NaN above them.
template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
Bits<T> largest(const T* values, std::int64_t count) {
  constexpr Bits<T> magnitude = std::numeric_limits<Bits<T>>::max();  // all but the sign
  Bits<T> most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, std::bit_cast<Bits<T>>(values[i]) & magnitude);
  return most;
}

/// The sizes of an image's pixels as a plane with a border of zeros, at row `top` and column `left` of it.
template <class T>
class Sizes {
 public:
  Sizes(std::int64_t rows, std::int64_t columns)
      : rows_(rows), columns_(columns), plane_(static_cast<std::size_t>(rows * columns)) {}

  void read(const T* image, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t top,
            std::int64_t left) {
    std::fill(plane_.begin(), plane_.end(), T{0});
    for (std::int64_t i = std::max<std::int64_t>(0, -top); i < std::min(height, rows_ - top); ++i) {
      for (std::int64_t j = std::max<std::int64_t>(0, -left); j < std::min(width, columns_ - left); ++j) {
        const Bits<T> size = largest(image + (i * width + j) * channels, channels);
        plane_[static_cast<std::size_t>((i + top) * columns_ + j + left)] = std::bit_cast<T>(size);
      }
    }
  }
  const T* row(std::int64_t i) const { return plane_.data() + i * columns_; }

 private:
  std::int64_t rows_, columns_;
  std::vector<T> plane_;
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

/// Every pixel of a patch lies in the window of an output of its tile, so the largest window is the patch.
template <class T>
bool even_tiles(const Window& w, const Sizes<T>& sizes) {
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
      if (!std::isfinite(size) || size > allowed_ratio * static_cast<double>(window)) return false;
    }
  }
  return true;
}

/// Calls body(image, sizes of its padded pixels) for all images.
template <class T, class Body>
void for_each_image(const Window& w, const T* x, const Body& body) {
  const Tiling tiling(w, {});
  const std::int64_t pixels = w.height * w.width;
  const std::int64_t grain = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, pixels * w.channels));
  parallel_for(w.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    Sizes<T> sizes(tiling.rows * tile_edge + 2, tiling.columns * tile_edge + 2);
    for (std::int64_t image = begin; image < end; ++image) {
      sizes.read(x + image * pixels * w.channels, w.height, w.width, w.channels, w.pad_top, w.pad_left);
      body(image, sizes);
    }
  });
}

/// The images whose flags are set.
Images chosen(const std::vector<char>& even) {
  Images images;
  for (std::size_t i = 0; i < even.size(); ++i) {
    if (even[i]) images.push_back(static_cast<std::int64_t>(i));
  }
  return images;
}

/// For each image whether all its tiles are even.
template <class T>
std::vector<char> even_images(const Window& w, const T* x) {
  std::vector<char> even(static_cast<std::size_t>(w.batch));
  for_each_image(w, x, [&](std::int64_t image, const Sizes<T>& sizes) {
    even[static_cast<std::size_t>(image)] = even_tiles(w, sizes);
  });
  return even;
}

/// Whether no tap of a kernel (3, 3, channels, filters) is so much larger than another tap of the same channel, by
/// their largest |w| of all filters, that outputs which do not see it, at a border or beside zeros, would hold its
/// rounding.
template <class T>
bool even_weights(std::int64_t channels, std::int64_t filters, const T* w) {
  std::vector<char> even(static_cast<std::size_t>(channels));
  parallel_for(channels, std::max<std::int64_t>(1, 4096 / filters), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      double most = 0, least = HUGE_VAL;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto size = static_cast<double>(std::bit_cast<T>(largest(w + (tap * channels + c) * filters, filters)));
        most = larger(most, size);
        least = std::min(least, size);
      }
      even[static_cast<std::size_t>(c)] = std::isfinite(most) && most <= allowed_ratio * least;
    }
  });
  return std::ranges::find(even, 0) == even.end();
}

}  // namespace

template <class T>
Images images_for_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w) {
  return even_weights(window.channels, filters, w) ? chosen(even_images(window, x)) : Images();
}

template <class T>
Images images_for_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w) {
  return even_weights(window.channels, filters, w) ? chosen(even_images(reversed(window, filters), dy)) : Images();
}

// An element of the kernel's gradient sums x[p + t] dy[p]. What a large x or a large dy leaves of rounding is in the
// elements of all 9 taps, and is to them as its factor is to the factors beside it: both have to be even.
template <class T>
Images images_for_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy) {
  std::vector<char> even = even_images(window, x);
  const std::vector<char> even_gradients = even_images(reversed(window, filters), dy);
  for (std::size_t i = 0; i < even.size(); ++i) even[i] = even[i] && even_gradients[i];
  return chosen(even);
}

template Images images_for_conv2d(const Window&, std::int64_t, const float*, const float*);
template Images images_for_input_gradient(const Window&, std::int64_t, const float*, const float*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const float*, const float*);
template Images images_for_conv2d(const Window&, std::int64_t, const double*, const double*);
template Images images_for_input_gradient(const Window&, std::int64_t, const double*, const double*);
template Images images_for_kernel_gradient(const Window&, std::int64_t, const double*, const double*);

}  // namespace xtape::kernels
