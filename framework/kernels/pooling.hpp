// Maximum and average over sliding windows. x (batch, height, width, channels), y (batch, out_height, out_width,
// channels).
#pragma once

#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// y = the largest x under the window; padding never wins, NaN always does.
template <class T>
void max_pool(const Window& window, const T* x, T* y);

/// dx: each dy goes to the first x of its window (row-major) that equals y.
template <class T>
void max_pool_gradient(const Window& window, const T* x, const T* y, const T* dy, T* dx);

/// y = the mean of those x under the window that lie on the image.
template <class T>
void average_pool(const Window& window, const T* x, T* y);

/// dx: each dy is shared equally by the x that were averaged.
template <class T>
void average_pool_gradient(const Window& window, const T* dy, T* dx);

}  // namespace xtape::kernels
