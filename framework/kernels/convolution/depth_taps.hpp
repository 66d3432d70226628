// The taps of a window along the depth of volumes, gathered as channels. A 3-D convolution is the 2-D convolution of
// these channels, and its derivative adds the derivatives of the channels.
#pragma once

#include "framework/kernels/convolution/window.hpp"

namespace xtape::kernels {

// x is (batch, height, width, channels), where `height` is the depth of the volumes and `width` the number of pixels of
// a slice; the window has kernel_width 1. y is (batch, out_height, width, groups, taps, channels / groups). T is float
// or double. Results do not depend on the number of threads.

/// y[n,i,p,g,a] = x[n, i s + a d - p, p, g], with stride s, dilation d and padding p; 0 outside of the volume.
template <class T>
void gather_depth_taps(const Window& window, const T* x, T* y);

/// dx = the sum of the dy that gather_depth_taps has copied from this x.
template <class T>
void add_depth_taps(const Window& window, const T* dy, T* dx);

}  // namespace xtape::kernels
