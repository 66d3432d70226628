#include "framework/kernels/resampling/resample.hpp"

#include <algorithm>
#include <cmath>

#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

constexpr std::int64_t piece_elements = 16384, channels_of_piece = 32;

/// The index in [0, n) of a place on a line of n pixels; -1 where the constant is.
std::int64_t index_of(std::int64_t i, std::int64_t n, FillMode outside) {
  if (i >= 0 && i < n) return i;
  switch (outside) {
    case FillMode::constant: return -1;
    case FillMode::nearest: return std::clamp<std::int64_t>(i, 0, n - 1);
    case FillMode::wrap: return (i % n + n) % n;
    case FillMode::reflect: break;
  }
  const std::int64_t at = (i % (2 * n) + 2 * n) % (2 * n);
  return at < n ? at : 2 * n - 1 - at;
}

/// The pixels that make one new pixel: offsets of their first channels in the image, -1 for the constant.
struct Taps {
  std::int64_t offset[4];
  double weight[4];
  int count = 0;

  Taps(const Resampling& shape, const double* t, std::int64_t row, std::int64_t column) {
    const auto i = static_cast<double>(row), j = static_cast<double>(column);
    // places far outside, and NaN, would not fit an integer
    const auto bounded = [](double v) { return std::isnan(v) ? -1e15 : std::clamp(v, -1e15, 1e15); };
    const double y = bounded(t[0] * i + t[1] * j + t[2]), x = bounded(t[3] * i + t[4] * j + t[5]);
    if (!shape.bilinear) {
      add(shape, std::floor(y + 0.5), std::floor(x + 0.5), 1);
      return;
    }
    const double top = std::floor(y), left = std::floor(x), below = y - top, beside = x - left;
    add(shape, top, left, (1 - below) * (1 - beside));
    add(shape, top, left + 1, (1 - below) * beside);
    add(shape, top + 1, left, below * (1 - beside));
    add(shape, top + 1, left + 1, below * beside);
  }

 private:
  void add(const Resampling& shape, double y, double x, double share) {
    if (share == 0) return;
    const std::int64_t row = index_of(static_cast<std::int64_t>(y), shape.height, shape.outside);
    const std::int64_t column = index_of(static_cast<std::int64_t>(x), shape.width, shape.outside);
    offset[count] = row < 0 || column < 0 ? -1 : (row * shape.width + column) * shape.channels;
    weight[count++] = share;
  }
};

}  // namespace

template <class T>
void resample(const Resampling& shape, const T* x, const double* transforms, bool common, T* y) {
  const std::int64_t channels = shape.channels, row_elements = std::max<std::int64_t>(1, shape.new_width * channels);
  const std::int64_t grain = std::max<std::int64_t>(1, piece_elements / row_elements);
  parallel_for(shape.images * shape.new_height, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t image = line / shape.new_height;
      const T* const in = x + image * shape.height * shape.width * channels;
      T* out = y + line * shape.new_width * channels;
      for (std::int64_t j = 0; j < shape.new_width; ++j, out += channels) {
        const Taps taps(shape, transforms + (common ? 0 : 6 * image), line % shape.new_height, j);
        double constant = 0;
        for (int k = 0; k < taps.count; ++k) constant += taps.offset[k] < 0 ? taps.weight[k] * shape.fill : 0;
        std::fill_n(out, channels, static_cast<T>(constant));
        for (int k = 0; k < taps.count; ++k) {
          if (taps.offset[k] < 0) continue;
          const T* const pixel = in + taps.offset[k];
          const auto weight = static_cast<T>(taps.weight[k]);
          for (std::int64_t c = 0; c < channels; ++c) out[c] += weight * pixel[c];
        }
      }
    }
  });
}

template <class T>
void resample_gradient(const Resampling& shape, const T* dy, const double* transforms, bool common, T* dx) {
  // a new pixel adds to several old ones, so a piece has whole images, of some channels
  const std::int64_t channels = shape.channels, chunks = (channels + channels_of_piece - 1) / channels_of_piece;
  parallel_for(shape.images * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t image = piece / chunks, first = piece % chunks * channels_of_piece;
      const std::int64_t count = std::min(channels_of_piece, channels - first);
      T* const out = dx + image * shape.height * shape.width * channels + first;
      for (std::int64_t p = 0; p < shape.height * shape.width; ++p) std::fill_n(out + p * channels, count, T{0});
      for (std::int64_t i = 0; i < shape.new_height; ++i) {
        const T* slope = dy + (image * shape.new_height + i) * shape.new_width * channels + first;
        for (std::int64_t j = 0; j < shape.new_width; ++j, slope += channels) {
          const Taps taps(shape, transforms + (common ? 0 : 6 * image), i, j);
          for (int k = 0; k < taps.count; ++k) {
            if (taps.offset[k] < 0) continue;
            T* const pixel = out + taps.offset[k];
            const auto weight = static_cast<T>(taps.weight[k]);
            for (std::int64_t c = 0; c < count; ++c) pixel[c] += weight * slope[c];
          }
        }
      }
    }
  });
}

template void resample(const Resampling&, const float*, const double*, bool, float*);
template void resample(const Resampling&, const double*, const double*, bool, double*);
template void resample_gradient(const Resampling&, const float*, const double*, bool, float*);
template void resample_gradient(const Resampling&, const double*, const double*, bool, double*);

}  // namespace xtape::kernels
