// Max and average pooling, forward and backward. x and dx are (batch, height, width, channels), y and dy (batch,
// out_height, out_width, channels). T is float or double. Results do not depend on the number of threads.
#pragma once

#include "framework/kernels/convolution/window.hpp"

namespace xtape::kernels {

/// y = the largest x under the window, NaN if there is one. Padding is never the largest. Unless it is null, `argmax`
/// (the shape of y) receives the index of the tap, row by row in the window, where the largest x was found: the first
/// of equal values, the last of several NaN. Every window must have at least one tap on the image.
template <class T>
void max_pool(const Window& window, const T* x, T* y, std::int32_t* argmax);

/// dx: each dy is added at the x that its argmax index names; the rest is 0. `argmax` comes from max_pool.
template <class T>
void max_pool_gradient(const Window& window, const std::int32_t* argmax, const T* dy, T* dx);

/// y = the mean of the x under the window; padding does not count.
template <class T>
void average_pool(const Window& window, const T* x, T* y);

/// dx: each dy is distributed equally over the x that were averaged.
template <class T>
void average_pool_gradient(const Window& window, const T* dy, T* dx);

}  // namespace xtape::kernels
