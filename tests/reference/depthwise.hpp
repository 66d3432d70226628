// Depthwise convolution and its derivatives by their definitions: the arguments of the fast kernels, and the number of
// the element of the result that is wanted, so that large results can be sampled.
#pragma once

#include "tests/reference/exact.hpp"
#include "tests/reference/window.hpp"

namespace xtape::reference {

template <class T>
Exact depthwise_conv2d(const kernels::Window& s, std::int64_t multiplier, const T* x, const T* w,
                       std::int64_t element) {
  const auto [n, i, j, f] = split(element, s.out_height, s.out_width, s.channels * multiplier);
  Exact sum;
  for_each_pixel_read(s, i, j, [&, n = n, f = f](auto a, auto b, auto h, auto v) {
    const long double pixel = x[((n * s.height + h) * s.width + v) * s.channels + f / multiplier];
    sum.add(pixel * w[(a * s.kernel_width + b) * s.channels * multiplier + f]);
  });
  return sum;
}

template <class T>
Exact depthwise_input_gradient(const kernels::Window& s, std::int64_t multiplier, const T* dy, const T* w,
                               std::int64_t element) {
  const auto [n, h, v, c] = split(element, s.height, s.width, s.channels);
  Exact sum;
  for_each_reader(s, h, v, [&, n = n, c = c](auto i, auto j, auto a, auto b) {
    for (std::int64_t f = c * multiplier; f < (c + 1) * multiplier; ++f) {
      const long double weight = w[(a * s.kernel_width + b) * s.channels * multiplier + f];
      sum.add(weight * dy[((n * s.out_height + i) * s.out_width + j) * s.channels * multiplier + f]);
    }
  });
  return sum;
}

template <class T>
Exact depthwise_kernel_gradient(const kernels::Window& s, std::int64_t multiplier, const T* x, const T* dy,
                                std::int64_t element) {
  const auto [none, a, b, f] = split(element, s.kernel_height, s.kernel_width, s.channels * multiplier);
  Exact sum;
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t i = 0; i < s.out_height; ++i) {
      for (std::int64_t j = 0; j < s.out_width; ++j) {
        const std::int64_t h = row_read(s, i, a), v = column_read(s, j, b);
        if (h < 0 || h >= s.height || v < 0 || v >= s.width) continue;
        const long double pixel = x[((n * s.height + h) * s.width + v) * s.channels + f / multiplier];
        sum.add(pixel * dy[((n * s.out_height + i) * s.out_width + j) * s.channels * multiplier + f]);
      }
    }
  }
  return sum;
}

}  // namespace xtape::reference
