// Maximum and average over sliding windows. x (batch, height, width, channels), y (batch, out_height, out_width,
// channels).
#pragma once

#include "framework/kernels/window.hpp"

namespace xtape::kernels {

/// y = the largest x under the window; padding never wins, NaN always does. places (like y), unless null, gets the tap
/// of the window, counted row by row, that lies on the first such x (of several NaN, the last). Every window must have
/// a tap on the image.
template <class T>
void max_pool(const Window& window, const T* x, T* y, std::int32_t* places);

/// dx: each dy goes to its place.
template <class T>
void max_pool_gradient(const Window& window, const std::int32_t* places, const T* dy, T* dx);

/// y = the mean of those x under the window that lie on the image.
template <class T>
void average_pool(const Window& window, const T* x, T* y);

/// dx: each dy is shared equally by the x that were averaged.
template <class T>
void average_pool_gradient(const Window& window, const T* dy, T* dx);

}  // namespace xtape::kernels
