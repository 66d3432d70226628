#include "framework/ops/convolution.hpp"

#include <mutex>

#include "framework/autograd/tape.hpp"
#include "framework/kernels/convolution/convolution.hpp"
#include "framework/kernels/threads/program_locks.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/part_epilogue.hpp"

namespace xtape {
namespace {

Shape output_shape(const kernels::Window& window, std::int64_t filters) {
  return {window.batch, window.out_height, window.out_width, filters};
}

}  // namespace

kernels::Window convolution_window(std::string_view function, const Shape& x, const Shape& w,
                                   const Conv2DOptions& options) {
  check(w.rank() == 4, "{}: expected a kernel (height, width, channels, filters), got shape {}", function, w);
  const Extent2D size(w[0], w[1]);
  kernels::Window window = place_window(
      function, x,
      {.size = size, .strides = options.strides, .padding = options.padding, .dilation = options.dilation});
  const std::int64_t groups = options.groups;
  check(
      groups >= 1 && x[3] % groups == 0 && w[3] % groups == 0,
      "{}: expected a number of groups that divides the {} channels of images {} and the {} filters of kernel {}, got "
      "{}",
      function, x[3], x, w[3], w, groups);
  window.groups = groups;
  check(x[3] == w[2] * groups, "{}: expected a kernel for the {} channels of images {}, got one for {}: {}", function,
        x[3], x, w[2] * groups, w);
  return window;
}

Variable conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options) {
  check_equal_types("conv2d", x.dtype(), w.dtype());
  const kernels::Window window = convolution_window("conv2d", x.shape(), w.shape(), options);
  Tensor y = Tensor::empty(output_shape(window, w.dim(3)), x.dtype());
  with_floating("conv2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::conv2d(window, w.dim(3), x.value().data<T>(), w.value().data<T>(), y.mutable_data<T>());
  });
  return record("conv2d", std::move(y),
                {{x, [w, options,
                      shape = x.shape()](const Variable& dy) { return conv2d_input_gradient(dy, w, shape, options); }},
                 {w, [x, options, shape = w.shape()](const Variable& dy) {
                    return conv2d_kernel_gradient(x, dy, shape, options);
                  }}});
}

Variable depthwise_conv2d(const Variable& x, const Variable& w, const Conv2DOptions& options) {
  check(options.groups == 1, "depthwise_conv2d: expected 1 group, got {}; use conv2d", options.groups);
  check(w.shape().rank() == 4,
        "depthwise_conv2d: expected a kernel (height, width, channels, multiplier), got shape {}", w.shape());
  check(x.shape().rank() == 4, "depthwise_conv2d: expected images (n, height, width, channels), got shape {}",
        x.shape());
  check(x.dim(3) == w.dim(2),
        "depthwise_conv2d: expected a kernel for the {} channels of images {}, got one for {}: {}", x.dim(3), x.shape(),
        w.dim(2), w.shape());
  check_equal_types("depthwise_conv2d", x.dtype(), w.dtype());
  // also for errors in the name of this function
  static_cast<void>(place_window("depthwise_conv2d", x.shape(),
                                 {.size = {w.dim(0), w.dim(1)},
                                  .strides = options.strides,
                                  .padding = options.padding,
                                  .dilation = options.dilation}));
  Conv2DOptions grouped = options;
  grouped.groups = x.dim(3);
  return conv2d(x, reshape(w, {w.dim(0), w.dim(1), 1, w.dim(2) * w.dim(3)}), grouped);
}

Tensor PackedKernel::conv2d(const Tensor& x, const Conv2DOptions& options) const {
  check_equal_types("conv2d", x.dtype(), kernel_.dtype());
  const kernels::Window window = convolution_window("conv2d", x.shape(), kernel_.shape(), options);
  const std::int64_t filters = kernel_.dim(3);
  Tensor y = Tensor::empty(output_shape(window, filters), x.dtype());
  with_floating("conv2d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (kernels::multiplies_packed<T>(window, filters)) {
      kernels::conv2d(window, filters, x.data<T>(), *packed<T>(window), y.mutable_data<T>());
    } else if (kernels::reads_range<T>(window, filters)) {
      kernels::conv2d(window, filters, x.data<T>(), kernel_.data<T>(), *range<T>(), y.mutable_data<T>());
    } else {
      kernels::conv2d(window, filters, x.data<T>(), kernel_.data<T>(), y.mutable_data<T>());
    }
  });
  return y;
}

/// If several threads need a new layout at the same time, each may pack the kernel, with the same result.
template <class T>
std::shared_ptr<const kernels::PackedMatrix<T>> PackedKernel::packed(const kernels::Window& window) const {
  std::unique_lock lock(kernels::program_locks.caches);
  auto kept = std::static_pointer_cast<const kernels::PackedMatrix<T>>(packed_);
  if (kept && kernels::fits_packed(window, kernel_.dim(3), *kept)) return kept;
  packed_.reset();  // frees the old layout before packing, which may fail
  kept.reset();
  lock.unlock();
  kept = kernels::pack_kernel<T>(window, kernel_.dim(3), kernel_.data<T>());
  lock.lock();
  packed_ = kept;
  return kept;
}

template std::shared_ptr<const kernels::PackedMatrix<float>> PackedKernel::packed(const kernels::Window&) const;
template std::shared_ptr<const kernels::PackedMatrix<double>> PackedKernel::packed(const kernels::Window&) const;

template <class T>
std::shared_ptr<const kernels::SizeRange> PackedKernel::range() const {
  std::unique_lock lock(kernels::program_locks.caches);
  if (range_) return range_;
  lock.unlock();
  auto found = std::make_shared<const kernels::SizeRange>(
      kernels::kernel_range(kernel_.dim(2), kernel_.dim(3), kernel_.data<T>()));
  lock.lock();
  range_ = found;
  return found;
}

std::optional<Tensor> conv2d_with_epilogue(const Tensor& x, const InferenceConvolution& convolution,
                                           const InferenceEpilogue& epilogue) {
  const auto& [w, packed, options] = convolution;
  check_equal_types("conv2d", x.dtype(), w.dtype());
  const kernels::Window window = convolution_window("conv2d", x.shape(), w.shape(), options);
  const auto compute = [&, &kernel = w, &cache = packed]<class T>(T* y, const kernels::PartFunction<T>& finish) {
    const T* const in = x.data<T>();
    const std::int64_t filters = kernel.dim(3);
    if (cache && kernels::multiplies_packed<T>(window, filters)) {
      kernels::conv2d(window, filters, in, *cache->packed<T>(window), y, &finish);
    } else if (cache && kernels::reads_range<T>(window, filters)) {
      kernels::conv2d(window, filters, in, kernel.data<T>(), *cache->range<T>(), y, &finish);
    } else {
      kernels::conv2d(window, filters, in, kernel.data<T>(), y, &finish);
    }
  };
  return with_epilogue("conv2d", output_shape(window, w.dim(3)), x.dtype(), epilogue, compute);
}

Variable conv2d_input_gradient(const Variable& dy, const Variable& w, const Shape& image_shape,
                               const Conv2DOptions& options) {
  check_equal_types("conv2d_input_gradient", dy.dtype(), w.dtype());
  const kernels::Window window = convolution_window("conv2d_input_gradient", image_shape, w.shape(), options);
  check(dy.shape() == output_shape(window, w.dim(3)), "conv2d_input_gradient: expected dy of shape {}, got {}",
        output_shape(window, w.dim(3)), dy.shape());
  Tensor dx = Tensor::empty(image_shape, dy.dtype());
  with_floating("conv2d_input_gradient", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::conv2d_input_gradient(window, w.dim(3), dy.value().data<T>(), w.value().data<T>(), dx.mutable_data<T>());
  });
  // dx is linear in dy and in w, and <g, dx(dy, w)> = <conv2d(g, w), dy>. This identity gives both pullbacks.
  return record("conv2d_input_gradient", std::move(dx),
                {{dy, [w, options](const Variable& g) { return conv2d(g, w, options); }},
                 {w, [dy, options, shape = w.shape()](const Variable& g) {
                    return conv2d_kernel_gradient(g, dy, shape, options);
                  }}});
}

Variable conv2d_kernel_gradient(const Variable& x, const Variable& dy, const Shape& kernel_shape,
                                const Conv2DOptions& options) {
  check_equal_types("conv2d_kernel_gradient", x.dtype(), dy.dtype());
  const kernels::Window window = convolution_window("conv2d_kernel_gradient", x.shape(), kernel_shape, options);
  check(dy.shape() == output_shape(window, kernel_shape[3]), "conv2d_kernel_gradient: expected dy of shape {}, got {}",
        output_shape(window, kernel_shape[3]), dy.shape());
  Tensor dw = Tensor::empty(kernel_shape, x.dtype());
  with_floating("conv2d_kernel_gradient", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::conv2d_kernel_gradient(window, kernel_shape[3], x.value().data<T>(), dy.value().data<T>(),
                                    dw.mutable_data<T>());
  });
  return record("conv2d_kernel_gradient", std::move(dw),
                {{x, [dy, options,
                      shape = x.shape()](const Variable& g) { return conv2d_input_gradient(dy, g, shape, options); }},
                 {dy, [x, options](const Variable& g) { return conv2d(x, g, options); }}});
}

}  // namespace xtape
