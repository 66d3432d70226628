// Convolution and pooling by their definitions, in plain loops over every index: what the fast kernels are held
// against.
#pragma once

#include "framework/kernels/window.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape::reference {

/// Calls f(n, i, j, a, b, h, w) for every output position (i, j), tap (a, b) and the pixel (h, w) it reads, those on
/// padding left out.
template <class F>
void for_each_product(const kernels::Window& s, const F& f) {
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t i = 0; i < s.out_height; ++i) {
      for (std::int64_t j = 0; j < s.out_width; ++j) {
        for (std::int64_t a = 0; a < s.kernel_height; ++a) {
          for (std::int64_t b = 0; b < s.kernel_width; ++b) {
            const std::int64_t h = i * s.stride_height + a * s.dilation_height - s.pad_top;
            const std::int64_t w = j * s.stride_width + b * s.dilation_width - s.pad_left;
            if (h >= 0 && h < s.height && w >= 0 && w < s.width) f(n, i, j, a, b, h, w);
          }
        }
      }
    }
  }
}

/// Element (p, q, r, s) of a float64 array of rank 4.
inline std::int64_t at(const Tensor& t, std::int64_t p, std::int64_t q, std::int64_t r, std::int64_t s) {
  return ((p * t.dim(1) + q) * t.dim(2) + r) * t.dim(3) + s;
}

inline Tensor conv2d(const kernels::Window& s, const Tensor& x, const Tensor& w) {
  Tensor y = Tensor::zeros({s.batch, s.out_height, s.out_width, w.dim(3)}, DType::float64);
  double* out = y.mutable_data<double>();
  for_each_product(s, [&](auto n, auto i, auto j, auto a, auto b, auto h, auto v) {
    for (std::int64_t c = 0; c < s.channels; ++c) {
      for (std::int64_t f = 0; f < w.dim(3); ++f) {
        out[at(y, n, i, j, f)] += x.data<double>()[at(x, n, h, v, c)] * w.data<double>()[at(w, a, b, c, f)];
      }
    }
  });
  return y;
}

inline Tensor conv2d_input_gradient(const kernels::Window& s, const Tensor& dy, const Tensor& w) {
  Tensor dx = Tensor::zeros({s.batch, s.height, s.width, s.channels}, DType::float64);
  double* out = dx.mutable_data<double>();
  for_each_product(s, [&](auto n, auto i, auto j, auto a, auto b, auto h, auto v) {
    for (std::int64_t c = 0; c < s.channels; ++c) {
      for (std::int64_t f = 0; f < w.dim(3); ++f) {
        out[at(dx, n, h, v, c)] += dy.data<double>()[at(dy, n, i, j, f)] * w.data<double>()[at(w, a, b, c, f)];
      }
    }
  });
  return dx;
}

inline Tensor conv2d_kernel_gradient(const kernels::Window& s, const Tensor& x, const Tensor& dy) {
  Tensor dw = Tensor::zeros({s.kernel_height, s.kernel_width, s.channels, dy.dim(3)}, DType::float64);
  double* out = dw.mutable_data<double>();
  for_each_product(s, [&](auto n, auto i, auto j, auto a, auto b, auto h, auto v) {
    for (std::int64_t c = 0; c < s.channels; ++c) {
      for (std::int64_t f = 0; f < dy.dim(3); ++f) {
        out[at(dw, a, b, c, f)] += x.data<double>()[at(x, n, h, v, c)] * dy.data<double>()[at(dy, n, i, j, f)];
      }
    }
  });
  return dw;
}

}  // namespace xtape::reference
