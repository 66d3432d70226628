// Pooling: what a window of each channel is summed up to. x (n, height, width, channels).
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/ops/window.hpp"

namespace xtape {

/// y = the largest x under the window; padding never wins. The derivative goes to the first of equal elements, in
/// row-major order. Saves x and y. Error when the window does not fit (place_window).
Variable max_pool2d(const Variable& x, const WindowOptions& window);

/// y = the mean of those x under the window that lie on the image: padding is not counted, as in Keras. Saves nothing.
Variable average_pool2d(const Variable& x, const WindowOptions& window);

/// The mean, or the largest, of each channel over height and width: (n, height, width, channels) -> (n, channels).
Variable global_average_pool2d(const Variable& x);
Variable global_max_pool2d(const Variable& x);

}  // namespace xtape
