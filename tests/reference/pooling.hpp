// Pooling and its derivatives by their definitions, one element of the result at a time.
#pragma once

#include "tests/reference/exact.hpp"
#include "tests/reference/window.hpp"

namespace xtape::reference {

/// The index of the first of the largest x in the window of output (n, i, j, c).
template <class T>
std::int64_t place_of_largest(const kernels::Window& s, const T* x, const Index4& output) {
  const auto [n, i, j, c] = output;
  std::int64_t place = -1;
  for_each_pixel_read(s, i, j, [&, n = n, c = c](auto, auto, auto h, auto v) {
    const std::int64_t here = ((n * s.height + h) * s.width + v) * s.channels + c;
    if (place < 0 || x[here] > x[place]) place = here;
  });
  return place;
}

template <class T>
Exact max_pool(const kernels::Window& s, const T* x, std::int64_t element) {
  const long double most = x[place_of_largest(s, x, split(element, s.out_height, s.out_width, s.channels))];
  return {.value = most};  // nothing is rounded, so no error is permitted
}

template <class T>
Exact max_pool_gradient(const kernels::Window& s, const T* x, const T* dy, std::int64_t element) {
  const auto [n, h, v, c] = split(element, s.height, s.width, s.channels);
  Exact sum;
  for_each_reader(s, h, v, [&, n = n, c = c](auto i, auto j, auto, auto) {
    if (place_of_largest(s, x, {n, i, j, c}) != element) return;
    sum.add(dy[((n * s.out_height + i) * s.out_width + j) * s.channels + c]);
  });
  return sum;
}

inline std::int64_t pixels_under(const kernels::Window& s, std::int64_t i, std::int64_t j) {
  std::int64_t count = 0;
  for_each_pixel_read(s, i, j, [&](auto...) { ++count; });
  return count;
}

inline bool every_window_has_pixels(const kernels::Window& s) {
  for (std::int64_t i = 0; i < s.out_height; ++i) {
    for (std::int64_t j = 0; j < s.out_width; ++j) {
      if (reference::pixels_under(s, i, j) == 0) return false;
    }
  }
  return true;
}

template <class T>
Exact average_pool(const kernels::Window& s, const T* x, std::int64_t element) {
  const auto [n, i, j, c] = split(element, s.out_height, s.out_width, s.channels);
  Exact sum;
  for_each_pixel_read(s, i, j, [&, n = n, c = c](auto, auto, auto h, auto v) {
    sum.add(x[((n * s.height + h) * s.width + v) * s.channels + c]);
  });
  return sum.times(1 / static_cast<long double>(sum.terms));
}

template <class T>
Exact average_pool_gradient(const kernels::Window& s, const T* dy, std::int64_t element) {
  const auto [n, h, v, c] = split(element, s.height, s.width, s.channels);
  Exact sum;
  for_each_reader(s, h, v, [&, n = n, c = c](auto i, auto j, auto, auto) {
    const long double share = dy[((n * s.out_height + i) * s.out_width + j) * s.channels + c];
    sum.add(share / static_cast<long double>(pixels_under(s, i, j)));
  });
  return sum;
}

}  // namespace xtape::reference
