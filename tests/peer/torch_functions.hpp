// Functions of images by PyTorch, for arrays in xtape's layout. Where the two libraries differ by design they follow
// xtape's definition (TensorFlow's SAME, average pooling without padding), composed of PyTorch's own functions.
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

/// What a window's padding comes to on images of this shape. PyTorch has no SAME for strides above 1, so it is computed
/// here from TensorFlow's definition: along each axis max((ceil(in / stride) - 1) stride + (size - 1) dilation + 1 -
/// in, 0) in all, half of it rounded down in front.
Margins margins(const Shape& images, const WindowOptions& window);

/// `value` around images (n, channels, height, width).
at::Tensor padded(const at::Tensor& nchw, const Margins& margins, double value = 0);

at::Tensor torch_conv2d(const at::Tensor& x, const at::Tensor& w, const WindowOptions& window);

/// Padded with minus infinity.
at::Tensor torch_max_pool(const at::Tensor& x, const WindowOptions& window);

/// By PyTorch's own function where that can leave padding out: the same on both sides, at most half a window, no
/// dilation. Else by the definition: the sum under the window by the number of pixels there, 0 where there is none.
at::Tensor torch_average_pool(const at::Tensor& x, const WindowOptions& window);

/// For any number of axes, the channels last: images as images, the rest as rows. Mean and variance are taken from the
/// batch in training, else given.
at::Tensor torch_batch_norm(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta, double epsilon);
at::Tensor torch_batch_norm_inference(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& beta,
                                      const at::Tensor& mean, const at::Tensor& variance, double epsilon);

}  // namespace xtape::peer
