#include "framework/kernels/convolution/pooling.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Output pixels per task of parallel_for.
std::int64_t pixel_grain(const Window& window) {
  const std::int64_t rows = std::min(window.kernel_height, window.height);
  const std::int64_t columns = std::min(window.kernel_width, window.width);
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, rows * columns * window.channels));
}

/// Sets dx to 0 and calls body(index) for all output pixels, with one task per image: windows overlap only within an
/// image, so tasks never write to the same element.
template <class T, class Body>
void for_each_image(const Window& window, T* dx, const Body& body) {
  const std::int64_t outputs = window.out_height * window.out_width;
  const std::int64_t inputs = window.height * window.width * window.channels;
  parallel_for(window.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    std::fill(dx + begin * inputs, dx + end * inputs, T{0});
    for (std::int64_t index = begin * outputs; index < end * outputs; ++index) body(index);
  });
}

/// Calls f(c) for all channels, in blocks of constant size, which pay off because there are often only 8 channels. The
/// pragma asserts that the channels are independent.
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

/// The weight of each x in the mean under the window of an output pixel.
template <class T>
T share_of_each(const Window& window, Pixel out) {
  const auto [rows, columns] = taps_on_image(window, out);
  return T{1} / static_cast<T>(std::max<std::int64_t>(1, (rows.last - rows.first) * (columns.last - columns.first)));
}

/// Computes the sum of term(x) over the window, for each channel.
template <class C, class T, class Term>
void sum_window(const Window& window, const T* x, Pixel out, C* sum, Term term) {
  std::fill_n(sum, window.channels, C{0});
  for_each_tap(window, out, [&](std::int64_t pixel, std::int64_t) {
    const T* in = x + pixel * window.channels;
    for_each_channel(window.channels, [=](std::int64_t c) { sum[c] += term(in[c]); });
  });
}

/// The largest values of `lanes` neighbouring channels under a window, and the taps where they were found.
template <class T, int lanes>
struct Largest {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Values [[gnu::vector_size(lanes * sizeof(T))]] = T;
  using Indices [[gnu::vector_size(lanes * sizeof(T))]] = Index;
  Values value;
  Indices tap;

  void write(std::int64_t to, T* y, std::int32_t* argmax) const {
    for (int i = 0; i < lanes; ++i) y[to + i] = value[i];
    for (int i = 0; i < lanes && argmax; ++i) argmax[to + i] = static_cast<std::int32_t>(tap[i]);
  }
};

template <class T, int lanes>
Largest<T, lanes> find_largest(const Window& window, const T* x, Pixel out) {
  using L = Largest<T, lanes>;
  const auto [rows, columns] = taps_on_image(window, out);
  L largest{typename L::Values{} - std::numeric_limits<T>::infinity(),
            typename L::Indices{} + static_cast<typename L::Index>(rows.first * window.kernel_width + columns.first)};
  for_each_tap(window, out, [&](std::int64_t pixel, std::int64_t tap) {
    typename L::Values v;
    std::memcpy(&v, x + pixel * window.channels, sizeof v);
    const auto better = (v > largest.value) | (v != v);  // NaN replaces every value
    largest.value = better ? v : largest.value;
    largest.tap = better ? typename L::Indices{} + static_cast<typename L::Index>(tap) : largest.tap;
  });
  return largest;
}

}  // namespace

template <class T>
void max_pool(const Window& window, const T* x, T* y, std::int32_t* argmax) {
  constexpr int lanes = 8;  // there are often only 8 channels
  const std::int64_t channels = window.channels;
  parallel_for(window.output_pixels(), pixel_grain(window), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const Pixel out = output_pixel(window, index);
      std::int64_t c = 0;
      for (; c + lanes <= channels; c += lanes)
        find_largest<T, lanes>(window, x + c, out).write(index * channels + c, y, argmax);
      for (; c < channels; ++c) find_largest<T, 1>(window, x + c, out).write(index * channels + c, y, argmax);
    }
  });
}

template <class T>
void max_pool_gradient(const Window& window, const std::int32_t* argmax, const T* dy, T* dx) {
  const std::int64_t channels = window.channels;
  std::vector<std::int64_t> offsets;  // distances of the taps from the first one, in elements of dx
  for (std::int64_t kh = 0; kh < window.kernel_height; ++kh) {
    for (std::int64_t kw = 0; kw < window.kernel_width; ++kw) {
      offsets.push_back((kh * window.dilation_height * window.width + kw * window.dilation_width) * channels);
    }
  }
  for_each_image(window, dx, [&](std::int64_t index) {
    const Pixel out = output_pixel(window, index);
    const std::int64_t row = out.image * window.height + out.row * window.stride_height - window.pad_top;
    const std::int64_t first = (row * window.width + out.column * window.stride_width - window.pad_left) * channels;
    for (std::int64_t i = index * channels, c = 0; c < channels; ++i, ++c) {
      dx[first + offsets[static_cast<std::size_t>(argmax[i])] + c] += dy[i];
    }
  });
}

template <class T>
void average_pool(const Window& window, const T* x, T* y) {
  constexpr std::int64_t few_taps = 16;  // up to this number of taps, a sum in T is accurate enough
  constexpr bool narrow = std::is_same_v<T, float>;
  const std::int64_t channels = window.channels;
  parallel_for(window.output_pixels(), pixel_grain(window), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<double> sums(channels);
    double* const sum = sums.data();
    for (std::int64_t index = begin; index < end; ++index) {
      const Pixel out = output_pixel(window, index);
      const auto [rows, columns] = taps_on_image(window, out);
      const std::int64_t taps = std::max<std::int64_t>(1, (rows.last - rows.first) * (columns.last - columns.first));
      const auto count = static_cast<double>(taps);
      T* const mean = y + index * channels;
      if (taps <= few_taps || !narrow) {
        sum_window(window, x, out, mean, [](T value) { return value; });
        for_each_channel(channels, [=](std::int64_t c) { mean[c] /= static_cast<T>(count); });
        int outside = 0;  // without an early exit, so that the compiler vectorizes the loop
        for (std::int64_t c = 0; c < channels; ++c) outside |= !(std::abs(mean[c]) <= std::numeric_limits<T>::max());
        if (outside == 0) continue;
      }
      // Many taps, or a sum out of the range of T: accumulate in double. For T = double, divide before adding.
      sum_window(window, x, out, sum, [=](T value) { return narrow ? static_cast<double>(value) : value / count; });
      for_each_channel(channels, [=](std::int64_t c) { mean[c] = static_cast<T>(narrow ? sum[c] / count : sum[c]); });
    }
  });
}

template <class T>
void average_pool_gradient(const Window& window, const T* dy, T* dx) {
  const std::int64_t channels = window.channels;
  for_each_image(window, dx, [&](std::int64_t index) {
    const Pixel out = output_pixel(window, index);
    const T share = share_of_each<T>(window, out);
    const T* in = dy + index * channels;
    const auto give = [&](std::int64_t pixel, std::int64_t) {
      T* target = dx + pixel * channels;
      for_each_channel(channels, [=](std::int64_t c) { target[c] += in[c] * share; });
    };
    for_each_tap(window, out, give);
  });
}

template void max_pool(const Window&, const float*, float*, std::int32_t*);
template void max_pool(const Window&, const double*, double*, std::int32_t*);
template void max_pool_gradient(const Window&, const std::int32_t*, const float*, float*);
template void max_pool_gradient(const Window&, const std::int32_t*, const double*, double*);
template void average_pool(const Window&, const float*, float*);
template void average_pool(const Window&, const double*, double*);
template void average_pool_gradient(const Window&, const float*, float*);
template void average_pool_gradient(const Window&, const double*, double*);

}  // namespace xtape::kernels
