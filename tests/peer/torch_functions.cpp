#include "tests/peer/torch_functions.hpp"

#include <ATen/ATen.h>
#include <algorithm>
#include <limits>

#include "tests/peer/layout.hpp"

namespace xtape::peer {
namespace {

Shape shape_of(const at::Tensor& x) { return Shape(std::span(x.sizes().data(), x.sizes().size())); }

bool torch_can_leave_out(const Margins& m, const WindowOptions& window) {
  return m.top == m.bottom && m.left == m.right && 2 * m.top <= window.size.height && 2 * m.left <= window.size.width &&
         window.dilation == Extent2D(1);
}

/// The sum in each window; padding counts as 0. PyTorch's average pooling has no dilation, but im2col has.
at::Tensor window_sums(const at::Tensor& nhwc, const WindowOptions& window) {
  const auto& [size, strides, padding, dilation] = window;
  const kernels::Window placed = place_window("window_sums", shape_of(nhwc), window);
  const at::Tensor taps = at::im2col(padded(to_nchw(nhwc), margins(shape_of(nhwc), window)), {size.height, size.width},
                                     {dilation.height, dilation.width}, {0, 0}, {strides.height, strides.width});
  const at::Tensor by_tap =
      taps.reshape({placed.batch, placed.channels, placed.taps(), placed.out_height, placed.out_width});
  return to_nhwc(by_tap.sum(2));
}

at::Tensor any_batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, const at::Tensor& mean,
                          const at::Tensor& variance, double epsilon) {
  const at::Tensor in = x.dim() == 4 ? to_nchw(x) : x.reshape({-1, x.size(-1)});
  const at::Tensor y = at::batch_norm(in, gamma, beta, mean, variance, !mean.defined(), 0, epsilon, false);
  return x.dim() == 4 ? to_nhwc(y) : y.reshape(x.sizes());
}

}  // namespace

Margins margins(const Shape& images, const WindowOptions& window) {
  const auto [top, bottom, left, right] = window.padding.amounts();
  if (!window.padding.is_same()) return {top, bottom, left, right};
  const auto total = [](std::int64_t in, std::int64_t size, std::int64_t stride, std::int64_t dilation) {
    const std::int64_t out = (in + stride - 1) / stride;
    return std::max<std::int64_t>((out - 1) * stride + (size - 1) * dilation + 1 - in, 0);
  };
  const auto rows = total(images[1], window.size.height, window.strides.height, window.dilation.height);
  const auto columns = total(images[2], window.size.width, window.strides.width, window.dilation.width);
  return {rows / 2, rows - rows / 2, columns / 2, columns - columns / 2};
}

at::Tensor padded(const at::Tensor& nchw, const Margins& m, double value) {
  return at::constant_pad_nd(nchw, {m.left, m.right, m.top, m.bottom}, value);
}

at::Tensor torch_conv2d(const at::Tensor& x, const at::Tensor& w, const WindowOptions& window) {
  const Margins m = margins(shape_of(x), window);
  const auto [size, strides, padding, dilation] = window;
  return to_nhwc(at::conv2d(padded(to_nchw(x), m), to_oihw(w), {}, {strides.height, strides.width},
                            at::IntArrayRef({0, 0}), {dilation.height, dilation.width}));
}

at::Tensor torch_max_pool(const at::Tensor& x, const WindowOptions& window) {
  const auto& [size, strides, padding, dilation] = window;
  const at::Tensor images = padded(to_nchw(x), margins(shape_of(x), window), -std::numeric_limits<double>::infinity());
  return to_nhwc(at::max_pool2d(images, {size.height, size.width}, {strides.height, strides.width}, {0, 0},
                                {dilation.height, dilation.width}));
}

at::Tensor torch_average_pool(const at::Tensor& x, const WindowOptions& window) {
  const auto& [size, strides, padding, dilation] = window;
  const Margins m = margins(shape_of(x), window);
  if (torch_can_leave_out(m, window)) {
    return to_nhwc(at::avg_pool2d(to_nchw(x), {size.height, size.width}, {strides.height, strides.width},
                                  {m.top, m.left}, false, /*count_include_pad=*/false));
  }
  const at::Tensor pixels = window_sums(at::ones_like(x.detach()), window);
  return window_sums(x, window) / pixels.clamp_min(1);
}

at::Tensor torch_batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double epsilon) {
  return any_batch_norm(x, gamma, beta, {}, {}, epsilon);
}

at::Tensor torch_batch_norm_inference(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                                      const at::Tensor& mean, const at::Tensor& variance, double epsilon) {
  return any_batch_norm(x, gamma, beta, mean, variance, epsilon);
}

}  // namespace xtape::peer
