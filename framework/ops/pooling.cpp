#include "framework/ops/pooling.hpp"

#include "framework/autograd/tape.hpp"
#include "framework/kernels/pooling.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"

namespace xtape {
namespace {

Shape output_shape(const kernels::Window& window) {
  return {window.batch, window.out_height, window.out_width, window.channels};
}

/// Whether each of `outputs` positions along an axis has a tap on the `pixels` there are. A dilated window may have its
/// taps on the padding before and behind a narrow image.
bool always_on_image(std::int64_t outputs, std::int64_t stride, std::int64_t before, std::int64_t taps,
                     std::int64_t dilation, std::int64_t pixels) {
  for (std::int64_t first = -before, i = 0; i < outputs; ++i, first += stride) {
    const std::int64_t skipped = first < 0 ? (-first + dilation - 1) / dilation : 0;  // taps before the image
    if (skipped >= taps || first + skipped * dilation >= pixels) return false;
  }
  return true;
}

/// The geometry of a pooling; Error when a window could lie on padding alone and would have nothing to pool.
kernels::Window pooling_window(std::string_view function, const Shape& images, const WindowOptions& options) {
  const Extent2D size = options.size;
  const auto [top, bottom, left, right] = options.padding.amounts();
  const std::int64_t rows = (size.height - 1) * options.dilation.height + 1;
  const std::int64_t columns = (size.width - 1) * options.dilation.width + 1;
  const kernels::Window window = place_window(function, images, options);
  check(top < rows && bottom < rows && left < columns && right < columns,
        "{}: expected less padding than the window is long, {} x {}, got ({}, {}, {}, {})", function, rows, columns,
        top, bottom, left, right);
  const bool on_rows = always_on_image(window.out_height, window.stride_height, window.pad_top, size.height,
                                       options.dilation.height, window.height);
  const bool on_columns = always_on_image(window.out_width, window.stride_width, window.pad_left, size.width,
                                          options.dilation.width, window.width);
  check(on_rows && on_columns, "{}: expected every window to hold a pixel of {}, got one on padding alone", function,
        images);
  return window;
}

Tensor max_pool_gradient(const kernels::Window& window, const Tensor& x, const Tensor& y, const Tensor& dy) {
  Tensor dx = Tensor::empty(x.shape(), x.dtype());
  with_floating("max_pool2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::max_pool_gradient(window, x.data<T>(), y.data<T>(), dy.data<T>(), dx.mutable_data<T>());
  });
  return dx;
}

/// dx of average_pool2d; linear in dy, so its own derivative is the pooling again.
Variable average_pool2d_gradient(const Variable& dy, const Shape& image_shape, const WindowOptions& options) {
  const kernels::Window window = pooling_window("average_pool2d_gradient", image_shape, options);
  Tensor dx = Tensor::empty(image_shape, dy.dtype());
  with_floating("average_pool2d_gradient", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::average_pool_gradient(window, dy.value().data<T>(), dx.mutable_data<T>());
  });
  return record("average_pool2d_gradient", std::move(dx),
                {{dy, [options](const Variable& g) { return average_pool2d(g, options); }}});
}

void check_images(std::string_view function, const Shape& shape) {
  check(shape.rank() == 4, "{}: expected images (n, height, width, channels), got shape {}", function, shape);
}

}  // namespace

Variable max_pool2d(const Variable& x, const WindowOptions& options) {
  const kernels::Window window = pooling_window("max_pool2d", x.shape(), options);
  Tensor y = Tensor::empty(output_shape(window), x.dtype());
  with_floating("max_pool2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::max_pool(window, x.value().data<T>(), y.mutable_data<T>());
  });
  return record("max_pool2d", y,
                {{x, [window, x = x.value(), y](const Tensor& dy) { return max_pool_gradient(window, x, y, dy); }}});
}

Variable average_pool2d(const Variable& x, const WindowOptions& options) {
  const kernels::Window window = pooling_window("average_pool2d", x.shape(), options);
  Tensor y = Tensor::empty(output_shape(window), x.dtype());
  with_floating("average_pool2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::average_pool(window, x.value().data<T>(), y.mutable_data<T>());
  });
  return record(
      "average_pool2d", std::move(y),
      {{x, [options, shape = x.shape()](const Variable& dy) { return average_pool2d_gradient(dy, shape, options); }}});
}

Variable global_average_pool2d(const Variable& x) {
  check_images("global_average_pool2d", x.shape());
  return mean(x, {1, 2});
}

Variable global_max_pool2d(const Variable& x) {
  check_images("global_max_pool2d", x.shape());
  const Shape& s = x.shape();
  return reshape(max_pool2d(x, {.size = {s[1], s[2]}}), {s[0], s[3]});
}

}  // namespace xtape
