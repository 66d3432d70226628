#include "tests/reference/convolution.hpp"

namespace xtape::reference {

template <class T>
Exact conv2d(const kernels::Window& s, std::int64_t filters, const T* x, const T* w, std::int64_t element) {
  const auto [n, i, j, f] = split(element, s.out_height, s.out_width, filters);
  Exact sum;
  for_each_pixel_read(s, i, j, [&, n = n, f = f](auto a, auto b, auto h, auto v) {
    const std::int64_t first = f / (filters / s.groups) * s.group_channels();
    for (std::int64_t c = 0; c < s.group_channels(); ++c) {
      const long double pixel = x[((n * s.height + h) * s.width + v) * s.channels + first + c];
      sum.add(pixel * w[((a * s.kernel_width + b) * s.group_channels() + c) * filters + f]);
    }
  });
  return sum;
}

template <class T>
Exact conv2d_input_gradient(const kernels::Window& s, std::int64_t filters, const T* dy, const T* w,
                            std::int64_t element) {
  const auto [n, h, v, c] = split(element, s.height, s.width, s.channels);
  Exact sum;
  for_each_reader(s, h, v, [&, n = n, c = c](auto i, auto j, auto a, auto b) {
    const std::int64_t group = c / s.group_channels(), columns = filters / s.groups;
    for (std::int64_t f = group * columns; f < (group + 1) * columns; ++f) {
      const long double weight =
          w[((a * s.kernel_width + b) * s.group_channels() + c % s.group_channels()) * filters + f];
      sum.add(weight * dy[((n * s.out_height + i) * s.out_width + j) * filters + f]);
    }
  });
  return sum;
}

template <class T>
Exact conv2d_kernel_gradient(const kernels::Window& s, std::int64_t filters, const T* x, const T* dy,
                             std::int64_t element) {
  const auto [a, b, c, f] = split(element, s.kernel_width, s.group_channels(), filters);
  const std::int64_t channel = f / (filters / s.groups) * s.group_channels() + c;
  Exact sum;
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t i = 0; i < s.out_height; ++i) {
      for (std::int64_t j = 0; j < s.out_width; ++j) {
        const std::int64_t h = row_read(s, i, a), v = column_read(s, j, b);
        if (h < 0 || h >= s.height || v < 0 || v >= s.width) continue;
        const long double pixel = x[((n * s.height + h) * s.width + v) * s.channels + channel];
        sum.add(pixel * dy[((n * s.out_height + i) * s.out_width + j) * filters + f]);
      }
    }
  }
  return sum;
}

template Exact conv2d(const kernels::Window&, std::int64_t, const float*, const float*, std::int64_t);
template Exact conv2d_input_gradient(const kernels::Window&, std::int64_t, const float*, const float*, std::int64_t);
template Exact conv2d_kernel_gradient(const kernels::Window&, std::int64_t, const float*, const float*, std::int64_t);
template Exact conv2d(const kernels::Window&, std::int64_t, const double*, const double*, std::int64_t);
template Exact conv2d_input_gradient(const kernels::Window&, std::int64_t, const double*, const double*, std::int64_t);
template Exact conv2d_kernel_gradient(const kernels::Window&, std::int64_t, const double*, const double*, std::int64_t);

}  // namespace xtape::reference
