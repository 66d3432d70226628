#include "framework/ops/convolution_1d_3d.hpp"

#include "framework/autograd/tape.hpp"
#include "framework/kernels/convolution/depth_taps.hpp"
#include "framework/ops/manipulation.hpp"

namespace xtape {
namespace {

/// (1, size, channels, filters) for a kernel (size, channels, filters) of sequences.
Shape image_kernel(std::string_view function, const Shape& w) {
  check(w.rank() == 3, "{}: expected a kernel (size, channels, filters), got shape {}", function, w);
  return w.prepended(1);
}

/// The options of the convolution on images of height 1, for a kernel of `size` taps.
Conv2DOptions image_options(const Conv1DOptions& options, std::int64_t size) {
  const WindowOptions window = image_window(
      {.size = size, .strides = options.strides, .padding = options.padding, .dilation = options.dilation});
  return {.strides = window.strides, .padding = window.padding, .dilation = window.dilation, .groups = options.groups};
}

/// (n, length, channels) for images (n, 1, length, channels).
Shape sequences(const Shape& images) { return images.without(1); }

/// A convolution of volumes with a kernel of shape w: its parts along the depth and on slices.
struct Volumes {
  kernels::Window depth;  ///< on images (n, depth, height width, channels)
  Conv2DOptions plane;
  Shape kernel;   ///< (height, width, depth channels / groups, filters)
  Shape slices;   ///< (n out depth, height, width, depth channels)
  Shape outputs;  ///< (n, out depth, out height, out width, filters)

  Volumes(std::string_view function, const Shape& x, const Shape& w, const Conv3DOptions& options) {
    check(w.rank() == 5, "{}: expected a kernel (depth, height, width, channels, filters), got shape {}", function, w);
    const WindowOptions3D window{.size = {w[0], w[1], w[2]},
                                 .strides = options.strides,
                                 .padding = options.padding,
                                 .dilation = options.dilation};
    const auto extents = window_extents(function, x, window);
    const std::int64_t groups = options.groups;
    check(groups >= 1 && x[4] % groups == 0 && w[4] % groups == 0,
          "{}: expected a number of groups that divides the {} channels of volumes {} and the {} filters of kernel {}, "
          "got {}",
          function, x[4], x, w[4], w, groups);
    check(x[4] == w[3] * groups, "{}: expected a kernel for the {} channels of volumes {}, got one for {}: {}",
          function, x[4], x, w[3] * groups, w);
    const auto [along_depth, on_plane] = depth_and_plane(window);
    depth = place_window(function, volume_columns(x), along_depth, to_string(x));
    depth.groups = groups;
    plane = {.strides = on_plane.strides, .padding = on_plane.padding, .dilation = on_plane.dilation, .groups = groups};
    kernel = {w[1], w[2], w[0] * w[3], w[4]};
    slices = {x[0] * extents[0], x[2], x[3], w[0] * x[4]};
    outputs = {x[0], extents[0], extents[1], extents[2], w[4]};
  }
};

/// A kernel (depth, height, width, channels, filters) with its depth as channels.
Variable flat_kernel(const Variable& w, const Shape& kernel) { return reshape(transpose(w, {1, 2, 0, 3, 4}), kernel); }

Variable add_depth_taps(const Variable& dy, const kernels::Window& window, const Shape& volumes);

/// The taps of the window along the depth of volumes x as channels of slices, without a copy if there is one tap.
Variable gather_depth_taps(const Variable& x, const kernels::Window& window, const Shape& slices) {
  if (window.pointwise() && window.unit_stride()) return reshape(x, slices);
  Tensor y = Tensor::empty(slices, x.dtype());
  with_floating("conv3d", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::gather_depth_taps(window, x.value().data<T>(), y.mutable_data<T>());
  });
  return record("gather_depth_taps", std::move(y),
                {{x, [window, shape = x.shape()](const Variable& dy) { return add_depth_taps(dy, window, shape); }}});
}

/// The transpose of gather_depth_taps.
Variable add_depth_taps(const Variable& dy, const kernels::Window& window, const Shape& volumes) {
  if (window.pointwise() && window.unit_stride()) return reshape(dy, volumes);
  Tensor dx = Tensor::empty(volumes, dy.dtype());
  with_floating("conv3d_input_gradient", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::add_depth_taps(window, dy.value().data<T>(), dx.mutable_data<T>());
  });
  return record(
      "add_depth_taps", std::move(dx),
      {{dy, [window, shape = dy.shape()](const Variable& g) { return gather_depth_taps(g, window, shape); }}});
}

}  // namespace

Variable conv1d(const Variable& x, const Variable& w, const Conv1DOptions& options) {
  const Shape images = sequence_images("conv1d", x.shape());
  const Variable kernel = reshape(w, image_kernel("conv1d", w.shape()));
  const Variable y = conv2d(reshape(x, images), kernel, image_options(options, w.dim(0)));
  return reshape(y, sequences(y.shape()));
}

Variable conv1d_input_gradient(const Variable& dy, const Variable& w, const Shape& sequence_shape,
                               const Conv1DOptions& options) {
  constexpr const char* function = "conv1d_input_gradient";
  const Shape images = sequence_images(function, sequence_shape);
  const Variable kernel = reshape(w, image_kernel(function, w.shape()));
  const Variable dx = conv2d_input_gradient(reshape(dy, sequence_images(function, dy.shape())), kernel, images,
                                            image_options(options, w.dim(0)));
  return reshape(dx, sequence_shape);
}

Variable depthwise_conv1d(const Variable& x, const Variable& w, const Conv1DOptions& options) {
  const Shape images = sequence_images("depthwise_conv1d", x.shape());
  const Variable kernel = reshape(w, image_kernel("depthwise_conv1d", w.shape()));
  const Variable y = depthwise_conv2d(reshape(x, images), kernel, image_options(options, w.dim(0)));
  return reshape(y, sequences(y.shape()));
}

Variable conv3d(const Variable& x, const Variable& w, const Conv3DOptions& options) {
  check_equal_types("conv3d", x.dtype(), w.dtype());
  const Volumes volumes("conv3d", x.shape(), w.shape(), options);
  const Variable slices = gather_depth_taps(x, volumes.depth, volumes.slices);
  return reshape(conv2d(slices, flat_kernel(w, volumes.kernel), volumes.plane), volumes.outputs);
}

Variable conv3d_input_gradient(const Variable& dy, const Variable& w, const Shape& volume_shape,
                               const Conv3DOptions& options) {
  constexpr const char* function = "conv3d_input_gradient";
  check_equal_types(function, dy.dtype(), w.dtype());
  const Volumes volumes(function, volume_shape, w.shape(), options);
  check(dy.shape() == volumes.outputs, "{}: expected dy of shape {}, got {}", function, volumes.outputs, dy.shape());
  const Variable taps = conv2d_input_gradient(reshape(dy, volume_slices(function, dy.shape())),
                                              flat_kernel(w, volumes.kernel), volumes.slices, volumes.plane);
  return add_depth_taps(taps, volumes.depth, volume_shape);
}

PackedKernel1D::PackedKernel1D(const Tensor& kernel)
    : size_(kernel.dim(0)), kernel_(kernel.reshaped(image_kernel("PackedKernel1D", kernel.shape()))) {}

Tensor PackedKernel1D::conv1d(const Tensor& x, const Conv1DOptions& options) const {
  const Tensor images = x.reshaped(sequence_images("conv1d", x.shape()));
  const Tensor y = kernel_.conv2d(images, image_options(options, size_));
  return y.reshaped(sequences(y.shape()));
}

PackedKernel3D::PackedKernel3D(const Tensor& kernel)
    : shape_(kernel.shape()),
      kernel_(flat_kernel(kernel, {shape_[1], shape_[2], shape_[0] * shape_[3], shape_[4]}).value()) {}

Tensor PackedKernel3D::conv3d(const Tensor& x, const Conv3DOptions& options) const {
  const Volumes volumes("conv3d", x.shape(), shape_, options);
  const Variable slices = gather_depth_taps(x, volumes.depth, volumes.slices);
  return kernel_.conv2d(slices.value(), volumes.plane).reshaped(volumes.outputs);
}

}  // namespace xtape
