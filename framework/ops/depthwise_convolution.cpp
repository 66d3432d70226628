#include "framework/ops/depthwise_convolution.hpp"

#include "framework/autograd/tape.hpp"
#include "framework/kernels/convolution/depthwise.hpp"

namespace xtape {
namespace {

Shape output_shape(const kernels::Window& window, std::int64_t multiplier) {
  return {window.batch, window.out_height, window.out_width, window.channels * multiplier};
}

void check_types(std::string_view function, const Variable& a, const Variable& b) {
  check(a.dtype() == b.dtype(), "{}: expected operands of one type, got {} and {}; convert with .to()", function,
        a.dtype(), b.dtype());
}

void check_output(std::string_view function, const Variable& dy, const Shape& expected) {
  check(dy.shape() == expected, "{}: expected dy of shape {}, got {}", function, expected, dy.shape());
}

}  // namespace

kernels::Window depthwise_window(std::string_view function, const Shape& x, const Shape& w,
                                 const Conv2DOptions& options) {
  check(w.rank() == 4, "{}: expected a kernel (height, width, channels, multiplier), got shape {}", function, w);
  const Extent2D size(w[0], w[1]);
  const kernels::Window window = place_window(
      function, x,
      {.size = size, .strides = options.strides, .padding = options.padding, .dilation = options.dilation});
  check(x[3] == w[2], "{}: expected a kernel for the {} channels of images {}, got one for {}: {}", function, x[3], x,
        w[2], w);
  return window;
}

Variable depthwise_conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options) {
  check_types("depthwise_conv2d", x, w);
  const kernels::Window window = depthwise_window("depthwise_conv2d", x.shape(), w.shape(), options);
  Tensor y = Tensor::empty(output_shape(window, w.dim(3)), x.dtype());
  with_floating("depthwise_conv2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::depthwise_conv2d(window, w.dim(3), x.value().data<T>(), w.value().data<T>(), y.mutable_data<T>());
  });
  return record("depthwise_conv2d", std::move(y),
                {{x, [w, options, shape = x.shape()](
                         const Variable& dy) { return depthwise_conv2d_input_gradient(dy, w, shape, options); }},
                 {w, [x, options, shape = w.shape()](const Variable& dy) {
                    return depthwise_conv2d_kernel_gradient(x, dy, shape, options);
                  }}});
}

Variable depthwise_conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                                         const Conv2DOptions& options) {
  check_types("depthwise_conv2d_input_gradient", dy, w);
  const kernels::Window window = depthwise_window("depthwise_conv2d_input_gradient", image_shape, w.shape(), options);
  check_output("depthwise_conv2d_input_gradient", dy, output_shape(window, w.dim(3)));
  Tensor dx = Tensor::empty(image_shape, dy.dtype());
  with_floating("depthwise_conv2d_input_gradient", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::depthwise_input_gradient(window, w.dim(3), dy.value().data<T>(), w.value().data<T>(),
                                      dx.mutable_data<T>());
  });
  // dx is linear in dy and in w, and <g, dx(dy, w)> = <depthwise_conv2d(g, w), dy>, which gives both pullbacks.
  return record("depthwise_conv2d_input_gradient", std::move(dx),
                {{dy, [w, options](const Variable& g) { return depthwise_conv2d(g, w, options); }},
                 {w, [dy, options, shape = w.shape()](const Variable& g) {
                    return depthwise_conv2d_kernel_gradient(g, dy, shape, options);
                  }}});
}

Variable depthwise_conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                          const Conv2DOptions& options) {
  check_types("depthwise_conv2d_kernel_gradient", x, dy);
  const kernels::Window window = depthwise_window("depthwise_conv2d_kernel_gradient", x.shape(), kernel_shape, options);
  check_output("depthwise_conv2d_kernel_gradient", dy, output_shape(window, kernel_shape[3]));
  Tensor dw = Tensor::empty(kernel_shape, x.dtype());
  with_floating("depthwise_conv2d_kernel_gradient", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::depthwise_kernel_gradient(window, kernel_shape[3], x.value().data<T>(), dy.value().data<T>(),
                                       dw.mutable_data<T>());
  });
  return record("depthwise_conv2d_kernel_gradient", std::move(dw),
                {{x, [dy, options, shape = x.shape()](
                         const Variable& g) { return depthwise_conv2d_input_gradient(dy, g, shape, options); }},
                 {dy, [x, options](const Variable& g) { return depthwise_conv2d(x, g, options); }}});
}

}  // namespace xtape
