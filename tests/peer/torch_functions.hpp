// Functions of images in PyTorch, for arrays in xtape's layout. Where the two libraries differ by design, they follow
// xtape's definition (TensorFlow's SAME, average pooling without padding), composed of PyTorch's functions.
#pragma once

#include "framework/ops/window.hpp"

namespace at {
class Tensor;
}

namespace xtape::peer {

/// Padding in pixels.
struct Margins {
  std::int64_t top, bottom, left, right;
};

/// The padding of a window on images of this shape. PyTorch has no SAME for strides above 1, so it is computed here by
/// TensorFlow's definition: along each axis max((ceil(in / stride) - 1) stride + (size - 1) dilation + 1 - in, 0) in
/// total, of which half, rounded down, is in front.
Margins margins(const Shape& images, const WindowOptions& window);

/// Images (n, channels, height, width) with `value` around them.
at::Tensor padded(const at::Tensor& nchw, const Margins& margins, double value = 0);

at::Tensor torch_conv2d(const at::Tensor& x, const at::Tensor& w, const WindowOptions& window);

/// Max pooling of images padded with minus infinity.
at::Tensor torch_max_pool(const at::Tensor& x, const WindowOptions& window);

/// Average pooling by PyTorch's function if it supports the padding: the same on both sides, at most half a window, no
/// dilation. Otherwise by the definition: the sum in the window divided by the number of pixels there, 0 if there is
/// none.
at::Tensor torch_average_pool(const at::Tensor& x, const WindowOptions& window);

/// Batch normalization for any number of axes, the channels last: images as images, others as rows. Mean and variance
/// are those of the batch in training, otherwise given.
at::Tensor torch_batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double epsilon);
at::Tensor torch_batch_norm_inference(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                                      const at::Tensor& mean, const at::Tensor& variance, double epsilon);

}  // namespace xtape::peer
