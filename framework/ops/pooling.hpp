// Pooling: what a window of each channel is summed up to. x (n, height, width, channels).
#pragma once

#include "framework/autograd/variable.hpp"
#include "framework/ops/convolution.hpp"

namespace xtape {

/// The geometry of a pooling. Error as place_window, and when a window could lie on padding alone and would have
/// nothing to pool.
kernels::Window pooling_window(std::string_view function, const Shape& images, const WindowOptions& options,
                               std::string_view shown = "");

/// y = the largest x under the window; padding never wins. The derivative goes to the first of equal elements, in
/// row-major order. Saves where in its window each y was found. Errors of pooling_window.
Variable max_pool2d(const Variable& x, const WindowOptions& window);

/// y = max_pool2d(conv2d(x, w, options), pooling), whose value between is never in memory: some rows of it at a time
/// are pooled while they are in the cache. Saves x, w and where in its window each y was found. Where pools_at_once
/// says no, one after the other as two ops. Errors of both.
Variable conv2d_max_pool2d(const Variable& x, const Variable& w, const Conv2DOptions& options,
                           const WindowOptions& pooling);
/// Whether they are computed so: convolutions of few channels (kernels/convolution.hpp), windows that do not overlap.
bool pools_at_once(const Variable& x, const Variable& w, const Conv2DOptions& options, const WindowOptions& pooling);

/// y = the mean of those x under the window that lie on the image: padding is not counted, as in Keras. Saves nothing.
Variable average_pool2d(const Variable& x, const WindowOptions& window);

/// The mean, or the largest, of each channel over height and width: (n, height, width, channels) -> (n, channels).
Variable global_average_pool2d(const Variable& x);
Variable global_max_pool2d(const Variable& x);

}  // namespace xtape
