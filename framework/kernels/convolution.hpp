// Two-dimensional convolution and its two derivatives, as matrix products.
#pragma once

#include <memory>

#include "framework/kernels/product.hpp"
#include "framework/kernels/window.hpp"
#include "framework/kernels/winograd.hpp"

namespace xtape::kernels {

// x (batch, height, width, channels), w (kernel_height, kernel_width, channels, filters), y (batch, out_height,
// out_width, filters), all contiguous. T is float or double. Every result is the same for any number of threads.

/// y = x * w: y[n,i,j,f] = sum over kh, kw, c of x[n, i s + kh d - p, j s + kw d - p, c] w[kh,kw,c,f].
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y);

/// w in the form in which conv2d multiplies with it, for kernels that are used many times before they change: of few
/// images, to pack it costs more than to multiply. Only for windows where conv2d multiplies so (multiplies_packed), and
/// then for all of them with the same kernel and dilation, whatever the size and number of the images (fits_packed).
/// The same results to the bit.
template <class T>
bool multiplies_packed(const Window& window, std::int64_t filters);
template <class T>
bool fits_packed(const Window& window, std::int64_t filters, const PackedMatrix<T>& w);
template <class T>
std::unique_ptr<PackedMatrix<T>> pack_kernel(const Window& window, std::int64_t filters, const T* w);
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const PackedMatrix<T>& w, T* y);

/// y with the kernel_range of w, which kernels that are used many times keep too: of few images, to find it costs as
/// much as a part of the multiplication. Only for windows where conv2d asks for it (reads_range).
template <class T>
bool reads_range(const Window& window, std::int64_t filters);
template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, const SizeRange& range, T* y);

/// dx from dy: the transposed convolution.
template <class T>
void conv2d_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx);

/// dw from x and dy.
template <class T>
void conv2d_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw);

// y = max_pool(x * w), where `pooling` is the window on the convolution's output. Only for windows where a few rows of
// that output at a time can be pooled while they are in the cache (pools_at_once), so that it is never in memory.

template <class T>
bool pools_at_once(const Window& window, const Window& pooling);

/// places as max_pool gives them; not wanted if null.
template <class T>
void conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y, std::int32_t* places);

/// dw from x, the places and dy.
template <class T>
void conv2d_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw);

}  // namespace xtape::kernels
