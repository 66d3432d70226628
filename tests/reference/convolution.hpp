// Convolution and its derivatives by their definitions. The functions take the arguments of the fast kernels and the
// index of one element of the result, so that large results can be sampled.
#pragma once

#include "tests/reference/exact.hpp"
#include "tests/reference/window.hpp"

namespace xtape::reference {

/// Element number `element` of y, of dx and of dw.
template <class T>
Exact conv2d(const kernels::Window& s, std::int64_t filters, const T* x, const T* w, std::int64_t element);
template <class T>
Exact conv2d_input_gradient(const kernels::Window& s, std::int64_t filters, const T* dy, const T* w,
                            std::int64_t element);
template <class T>
Exact conv2d_kernel_gradient(const kernels::Window& s, std::int64_t filters, const T* x, const T* dy,
                             std::int64_t element);

}  // namespace xtape::reference
