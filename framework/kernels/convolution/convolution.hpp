// Two-dimensional convolution and its two derivatives.
//
// x (batch, height, width, channels), w (kernel_height, kernel_width, channels, filters) and y (batch, out_height,
// out_width, filters) are contiguous; dx, dw and dy have the same shapes. T is float or double. Results do not depend
// on the number of threads.
//
// With window.groups above 1, channels and filters are divided into that many groups, and a filter reads the channels
// of its group: w is (kernel_height, kernel_width, channels / groups, filters). Both numbers are multiples of the
// groups.
#pragma once

#include <memory>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/gemm/product.hpp"

namespace xtape::kernels {

/// y = x * w: y[n,i,j,f] = sum over kh, kw, c of x[n, i s + kh d - p, j s + kw d - p, c] w[kh,kw,c,f], with stride s,
/// dilation d and padding p. x is 0 outside of the image. Unless `finish` is null, it is called for parts of y.
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y,
            const PartFunction<T>* finish = nullptr);

/// Whether a band of rows of the output, computed by a window with fewer rows, has the bits of the whole output if it
/// is computed with packed weights where multiplies_packed.
template <class T>
bool computes_bands(const Window& window, std::int64_t filters);

// Packed weights. With few images, packing w takes longer than multiplying with it, so inference packs each kernel
// once.

/// Whether conv2d multiplies with packed weights for this window, so that it can be called with a PackedMatrix.
template <class T>
bool multiplies_packed(const Window& window, std::int64_t filters);
/// Whether the packed weights have the number of taps, channels and filters of this window and the layout of the
/// instruction set in use. Size and number of the images do not matter.
template <class T>
bool fits_packed(const Window& window, std::int64_t filters, const PackedMatrix<T>& w);
/// Packs w for conv2d. Requires multiplies_packed.
template <class T>
std::unique_ptr<PackedMatrix<T>> pack_kernel(const Window& window, std::int64_t filters, const T* w);
/// The same as conv2d with the weights before packing, to the bit. Requires multiplies_packed and fits_packed.
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const PackedMatrix<T>& w, T* y,
            const PartFunction<T>* finish = nullptr);

/// Computes y with the known kernel_range of w. Kernels that are used many times keep it: with few images, finding it
/// takes a noticeable part of the time. Only for windows where conv2d needs it (reads_range).
template <class T>
bool reads_range(const Window& window, std::int64_t filters);
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, const SizeRange& range, T* y,
            const PartFunction<T>* finish = nullptr);

/// Computes dx from dy and w: the transposed convolution.
template <class T>
void conv2d_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx);

/// Computes dw from x and dy.
template <class T>
void conv2d_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);

// A convolution fused with the max pooling of its output, y = max_pool(x * w). `pooling` is the window on the output of
// the convolution. A few rows of that output at a time are pooled while they are in the cache; it is never stored
// whole.

/// Whether the fused functions below support this pair of windows.
template <class T>
bool pools_at_once(const Window& window, const Window& pooling);

/// Computes y and, unless it is null, `places`: the argmax indices of max_pool. Requires pools_at_once.
template <class T>
void conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y, std::int32_t* places);

/// Computes dw from x, the argmax indices `places` and dy. Requires pools_at_once.
template <class T>
void conv2d_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw);

}  // namespace xtape::kernels
