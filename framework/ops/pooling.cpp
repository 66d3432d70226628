#include "framework/ops/pooling.hpp"

#include <memory>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/convolution/pooling.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"

namespace xtape {
namespace {

Shape output_shape(const kernels::Window& window) {
  return {window.batch, window.out_height, window.out_width, window.channels};
}

/// Whether each of the `outputs` windows along an axis has a tap on the image of `pixels` pixels. All taps of a dilated
/// window may lie on the padding before and behind a narrow image. The padding must be less than a window is long.
bool always_on_image(std::int64_t outputs, std::int64_t stride, std::int64_t before, std::int64_t taps,
                     std::int64_t dilation, std::int64_t pixels) {
  // Every window begins before or on the image. Those on it have a tap on it, so that large images cost nothing.
  for (std::int64_t first = -before, i = 0; i < outputs && first < 0; ++i, first += stride) {
    const std::int64_t skipped = (-first + dilation - 1) / dilation;  // taps before the image
    if (skipped >= taps || first + skipped * dilation >= pixels) return false;
  }
  return true;
}

/// The argmax indices of a max pooling: for each output, the index of the largest tap in its window. Null if no
/// derivative is recorded.
using Places = std::shared_ptr<const kernels::Workspace<std::int32_t>>;

Tensor max_pool_gradient(const kernels::Window& window, const Places& places, const Tensor& dy) {
  Tensor dx = Tensor::empty({window.batch, window.height, window.width, window.channels}, dy.dtype());
  with_floating("max_pool2d", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::max_pool_gradient(window, places->data(), dy.data<T>(), dx.mutable_data<T>());
  });
  return dx;
}

/// The gradient dx of average_pool2d. It is linear in dy; its pullback is average_pool2d.
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

/// The two windows of conv2d_max_pool2d. Throws the Errors of conv2d and max_pool2d.
struct ConvolutionAndPooling {
  kernels::Window convolution, pooling;
  ConvolutionAndPooling(const Variable& x, const Variable& w, const Conv2DOptions& options,
                        const WindowOptions& pooling_options)
      : convolution(convolution_window("conv2d", x.shape(), w.shape(), options)),
        pooling(pooling_window("max_pool2d",
                               {convolution.batch, convolution.out_height, convolution.out_width, w.dim(3)},
                               pooling_options)) {
    check_equal_types("conv2d", x.dtype(), w.dtype());
  }
};

void check_images(std::string_view function, const Shape& shape) {
  check(shape.rank() == 4, "{}: expected images (n, height, width, channels), got shape {}", function, shape);
}

}  // namespace

void check_pooling_padding(std::string_view function, const std::vector<WindowAxis>& axes) {
  std::vector<std::int64_t> lengths;
  bool less = true;
  for (const WindowAxis& axis : axes) {
    lengths.push_back((axis.size - 1) * axis.dilation + 1);
    less = less && axis.before < lengths.back() && axis.after < lengths.back();
  }
  if (less) return;
  fail("{}: expected less padding than the window is long, {}, got ({})", function, fmt::join(lengths, " x "),
       padding_text(axes));
}

kernels::Window pooling_window(std::string_view function, const Shape& images, const WindowOptions& options,
                               std::string_view shown) {
  const Extent2D size = options.size;
  const kernels::Window window = place_window(function, images, options, shown);
  check_pooling_padding(function, windowed_input(images, options, shown).axes);
  const bool on_rows = always_on_image(window.out_height, window.stride_height, window.pad_top, size.height,
                                       options.dilation.height, window.height);
  const bool on_columns = always_on_image(window.out_width, window.stride_width, window.pad_left, size.width,
                                          options.dilation.width, window.width);
  check(on_rows && on_columns, "{}: expected every window to hold a pixel of {}, got one on padding alone", function,
        shown.empty() ? to_string(images) : std::string(shown));
  return window;
}

Variable max_pool2d(const Variable& x, const WindowOptions& options) {
  const kernels::Window window = pooling_window("max_pool2d", x.shape(), options);
  Tensor y = Tensor::empty(output_shape(window), x.dtype());
  const auto places = x.tracked() ? std::make_shared<kernels::Workspace<std::int32_t>>(y.size()) : nullptr;
  with_floating("max_pool2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::max_pool(window, x.value().data<T>(), y.mutable_data<T>(), places ? places->data() : nullptr);
  });
  return record(
      "max_pool2d", std::move(y),
      {{x, [window, places = Places(places)](const Tensor& dy) { return max_pool_gradient(window, places, dy); }}});
}

bool pools_at_once(const Variable& x, const Variable& w, const Conv2DOptions& options, const WindowOptions& pooling) {
  const ConvolutionAndPooling both(x, w, options, pooling);
  bool result = false;
  with_floating("conv2d_max_pool2d", x.dtype(),
                [&](auto zero) { result = kernels::pools_at_once<decltype(zero)>(both.convolution, both.pooling); });
  return result;
}

Variable conv2d_max_pool2d(const Variable& x, const Variable& w, const Conv2DOptions& options,
                           const WindowOptions& pooling) {
  if (!pools_at_once(x, w, options, pooling)) return max_pool2d(conv2d(x, w, options), pooling);
  const ConvolutionAndPooling both(x, w, options, pooling);
  Tensor y = Tensor::empty(output_shape(both.pooling), x.dtype());
  const bool tracked = x.tracked() || w.tracked();
  const auto places = tracked ? std::make_shared<kernels::Workspace<std::int32_t>>(y.size()) : nullptr;
  with_floating("conv2d_max_pool2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::conv2d_max_pool(both.convolution, both.pooling, x.value().data<T>(), w.value().data<T>(),
                             y.mutable_data<T>(), places ? places->data() : nullptr);
  });
  const auto dx = [both, places = Places(places), w = w.value(), options, shape = x.shape()](const Tensor& dy) {
    return conv2d_input_gradient(max_pool_gradient(both.pooling, places, dy), w, shape, options).value();
  };
  const auto dw = [both, places = Places(places), x = x.value(), shape = w.shape()](const Tensor& dy) {
    Tensor result = Tensor::empty(shape, dy.dtype());
    with_floating("conv2d_max_pool2d", dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::conv2d_max_pool_kernel_gradient(both.convolution, both.pooling, x.data<T>(), places->data(),
                                               dy.data<T>(), result.mutable_data<T>());
    });
    return result;
  };
  return record("conv2d_max_pool2d", std::move(y), {{x, dx}, {w, dw}});
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
