#include "framework/kernels/pooling.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "framework/kernels/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Output pixels that one piece of work covers.
std::int64_t pixel_grain(const Window& window) {
  const std::int64_t rows = std::min(window.kernel_height, window.height);
  const std::int64_t columns = std::min(window.kernel_width, window.width);
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, rows * columns * window.channels));
}

/// Sets dx to 0 and calls body(output pixel index) for all pixels, one image after another; windows overlap only within
/// an image, so images are what can be written in parallel.
template <class T, class Body>
void for_each_image(const Window& window, T* dx, const Body& body) {
  const std::int64_t outputs = window.out_height * window.out_width;
  const std::int64_t inputs = window.height * window.width * window.channels;
  parallel_for(window.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    std::fill(dx + begin * inputs, dx + end * inputs, T{0});
    for (std::int64_t index = begin * outputs; index < end * outputs; ++index) body(index);
  });
}

/// Calls f(c) for all channels, in blocks of a size the compiler knows: there are often as few as 8. The pragma says
/// that channels are independent of one another.
template <class F>
[[gnu::always_inline]] inline void for_each_channel(std::int64_t channels, const F& f) {
  constexpr std::int64_t block = 8;
  std::int64_t c = 0;
  for (; c + block <= channels; c += block) {
#pragma omp simd
    for (std::int64_t i = 0; i < block; ++i) f(c + i);
  }
  for (; c < channels; ++c) f(c);
}

std::int64_t taps_on_image(const Window& window, Pixel out) {
  std::int64_t count = 0;
  for_each_tap(window, out, [&](std::int64_t) { ++count; });
  return count;
}

}  // namespace

template <class T>
void max_pool(const Window& window, const T* x, T* y) {
  const std::int64_t channels = window.channels;
  parallel_for(window.output_pixels(), pixel_grain(window), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      T* best = y + index * channels;
      std::fill_n(best, channels, -std::numeric_limits<T>::infinity());
      const auto take = [&](std::int64_t pixel) {
        const T* in = x + pixel * channels;
        for_each_channel(channels, [=](std::int64_t c) {
          const T value = in[c], so_far = best[c];
          best[c] = value > so_far || value != value ? value : so_far;
        });
      };
      for_each_tap(window, output_pixel(window, index), take);
    }
  });
}

template <class T>
void max_pool_gradient(const Window& window, const T* x, const T* y, const T* dy, T* dx) {
  const std::int64_t channels = window.channels;
  for_each_image(window, dx, [&](std::int64_t index) {
    const T* best = y + index * channels;
    thread_local std::vector<T> left;  // what of dy has not found its x yet
    left.assign(dy + index * channels, dy + (index + 1) * channels);
    const auto give = [&](std::int64_t pixel) {
      const T* in = x + pixel * channels;
      T* target = dx + pixel * channels;
      T* rest = left.data();
      for_each_channel(channels, [=](std::int64_t c) {
        const bool here = in[c] == best[c];
        const T given = here ? rest[c] : T{0};
        target[c] += given;
        rest[c] = here ? T{0} : rest[c];
      });
    };
    for_each_tap(window, output_pixel(window, index), give);
  });
}

template <class T>
void average_pool(const Window& window, const T* x, T* y) {
  const std::int64_t channels = window.channels;
  parallel_for(window.output_pixels(), pixel_grain(window), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      T* sum = y + index * channels;
      const Pixel out = output_pixel(window, index);
      std::fill_n(sum, channels, T{0});
      const auto add = [&](std::int64_t pixel) {
        const T* in = x + pixel * channels;
        for_each_channel(channels, [=](std::int64_t c) { sum[c] += in[c]; });
      };
      for_each_tap(window, out, add);
      const T share = T{1} / static_cast<T>(std::max<std::int64_t>(1, taps_on_image(window, out)));
      for (std::int64_t c = 0; c < channels; ++c) sum[c] *= share;
    }
  });
}

template <class T>
void average_pool_gradient(const Window& window, const T* dy, T* dx) {
  const std::int64_t channels = window.channels;
  for_each_image(window, dx, [&](std::int64_t index) {
    const Pixel out = output_pixel(window, index);
    const T share = T{1} / static_cast<T>(std::max<std::int64_t>(1, taps_on_image(window, out)));
    const T* in = dy + index * channels;
    const auto give = [&](std::int64_t pixel) {
      T* target = dx + pixel * channels;
      for_each_channel(channels, [=](std::int64_t c) { target[c] += in[c] * share; });
    };
    for_each_tap(window, out, give);
  });
}

template void max_pool(const Window&, const float*, float*);
template void max_pool(const Window&, const double*, double*);
template void max_pool_gradient(const Window&, const float*, const float*, const float*, float*);
template void max_pool_gradient(const Window&, const double*, const double*, const double*, double*);
template void average_pool(const Window&, const float*, float*);
template void average_pool(const Window&, const double*, double*);
template void average_pool_gradient(const Window&, const float*, float*);
template void average_pool_gradient(const Window&, const double*, double*);

}  // namespace xtape::kernels
