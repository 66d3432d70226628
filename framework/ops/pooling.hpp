// Pooling: the maximum or the mean of a window of each channel. x (n, height, width, channels).
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/ops/convolution.hpp"

namespace xtape {

/// The geometry of a pooling. Error as in place_window, and if a window could lie entirely on padding.
kernels::Window pooling_window(std::string_view function, const Shape& images, const WindowOptions& options,
                               std::string_view shown = "");

/// Internal: Error unless there is less padding than the window is long.
void check_pooling_padding(std::string_view function, const std::vector<WindowAxis>& axes);

/// y = the largest x in the window; padding is ignored. The derivative flows to the first of equal elements in
/// row-major order. Saves the argmax index of each y in its window. Error as in pooling_window.
Variable max_pool2d(const Variable& x, const WindowOptions& window);

/// y = max_pool2d(conv2d(x, w, options), pooling), without storing the output of the convolution: a few rows of it at a
/// time are pooled while they are in the cache. Saves x, w and the argmax indices. If pools_at_once returns false, the
/// two ops run one after the other. Error as in conv2d and max_pool2d.
Variable conv2d_max_pool2d(const Variable& x, const Variable& w, const Conv2DOptions& options,
                           const WindowOptions& pooling);
/// Whether conv2d_max_pool2d computes both ops together. This requires a convolution for few channels (see
/// kernels/convolution/convolution.hpp) and pooling windows that do not overlap.
bool pools_at_once(const Variable& x, const Variable& w, const Conv2DOptions& options, const WindowOptions& pooling);

/// y = the mean of the x in the window that lie on the image. As in Keras, padding is not counted. Saves nothing.
Variable average_pool2d(const Variable& x, const WindowOptions& window);

/// The mean of each channel over height and width: (n, height, width, channels) -> (n, channels).
Variable global_average_pool2d(const Variable& x);
/// The maximum of each channel over height and width: (n, height, width, channels) -> (n, channels).
Variable global_max_pool2d(const Variable& x);

}  // namespace xtape
