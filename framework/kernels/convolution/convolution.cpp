#include "framework/kernels/convolution/convolution.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "framework/kernels/convolution/depthwise.hpp"
#include "framework/kernels/convolution/direct_convolution.hpp"
#include "framework/kernels/convolution/strips.hpp"
#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Computes the `accurate` images by Winograd's method, with transformed(images), and each of the others by the
/// definition, with direct(window of one image, offset of the image in x, offset of its result in y). If fewer than
/// half of the images are accurate, computes all of them with direct(window, 0, 0).
template <class Transformed, class Direct>
void by_accuracy(const Window& window, std::int64_t filters, const Images& accurate, const Transformed& transformed,
                 const Direct& direct) {
  if (2 * std::ssize(accurate) < window.batch) return direct(window, 0, 0);
  transformed(accurate);
  Window one = window;
  one.batch = 1;
  for (std::int64_t image = 0; image < window.batch; ++image) {
    if (std::ranges::binary_search(accurate, image)) continue;
    direct(one, image * one.input_pixels() * window.channels, image * one.output_pixels() * filters);
  }
}

template <class T>
void transformed_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, const SizeRange& range,
                        T* y) {
  by_accuracy(
      window, filters, images_for_conv2d(window, x, range),
      [&](const Images& images) { winograd_conv2d(window, filters, x, w, y, images); },
      [&](const Window& part, std::int64_t in, std::int64_t out) {
        conv2d_gathered<T>(part, gather_taps(part, x + in), filters, w, nullptr, y + out);
      });
}

template <class T>
void transformed_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  by_accuracy(
      window, filters, images_for_input_gradient(window, filters, dy, w),
      [&](const Images& images) { winograd_input_gradient(window, filters, dy, w, dx, images); },
      [&](const Window& part, std::int64_t in, std::int64_t out) {
        input_gradient_gathered(part, filters, dy + out, w, dx + in);
      });
}

template <class T>
void transformed_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  by_accuracy(
      window, filters, images_for_kernel_gradient(window, filters, x, dy),
      [&](const Images& images) { winograd_kernel_gradient(window, filters, x, dy, dw, images); },
      [&](const Window& part, std::int64_t in, std::int64_t out) {
        const Gather<T> gather = gather_taps(part, x + in);
        if (part.batch == window.batch) return kernel_gradient_gathered(part, gather, filters, dy, dw);
        const Workspace<T> more(window.taps() * window.channels * filters);
        kernel_gradient_gathered(part, gather, filters, dy + out, more.data());
        for (std::int64_t i = 0; i < window.taps() * window.channels * filters; ++i) dw[i] += more[i];
      });
}

/// The methods for computing a convolution and its two derivatives.
enum class Method {
  taps,       // indirect convolution: a matrix product with an indirection buffer
  strips,     // strip convolution, for few channels
  winograd,   // Winograd's method, for float32
  depthwise,  // each channel alone, for as many groups as channels
  groups,     // taps, for each group
};

/// Calls f(offset in channels, offset in filters) for each group.
template <class F>
void for_each_group(const Window& window, std::int64_t filters, const F& f) {
  for (std::int64_t group = 0; group < window.groups; ++group) {
    f(group * window.group_channels(), group * (filters / window.groups));
  }
}

template <class T>
Method method(const Window& window, std::int64_t filters) {
  if (is_depthwise(window)) return Method::depthwise;
  if (window.groups > 1) return Method::groups;
  if (strips_apply(window)) return Method::strips;
  const bool transforms = std::is_same_v<T, float> && !exact_convolutions() && winograd_applies(window, filters);
  return transforms ? Method::winograd : Method::taps;
}

/// Calls `finish`, unless it is null, for all of y.
template <class T>
void finish_all(const Window& window, std::int64_t filters, T* y, const PartFunction<T>* finish) {
  constexpr std::int64_t pixels = 64;
  if (!finish) return;
  parallel_for(window.output_pixels(), pixels, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T*> rows;
    for (std::int64_t pixel = begin; pixel < end; ++pixel) rows.push_back(y + pixel * filters);
    (*finish)(rows.data(), end - begin, 0, filters);
  });
}

}  // namespace

template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y, const PartFunction<T>* finish) {
  if (window.output_pixels() * filters == 0) return;
  if (window.channels == 0) {
    std::fill_n(y, window.output_pixels() * filters, T{0});
    return finish_all(window, filters, y, finish);
  }
  switch (method<T>(window, filters)) {
    case Method::depthwise: return depthwise_conv2d(window, filters, x, w, y, finish);
    case Method::taps: return conv2d_gathered<T>(window, gather_taps(window, x), filters, w, nullptr, y, finish);
    case Method::strips: return strips_conv2d(window, filters, x, w, y, finish);
    case Method::winograd:
      transformed_conv2d(window, filters, x, w, kernel_range(window.channels, filters, w), y);
      break;
    case Method::groups:
      for_each_group(window, filters, [&](std::int64_t in, std::int64_t out) {
        conv2d_gathered<T>(window, gather_taps(window, x + in), filters, w + out, nullptr, y + out);
      });
      break;
  }
  finish_all(window, filters, y, finish);
}

template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const PackedMatrix<T>& w, T* y,
            const PartFunction<T>* finish) {
  conv2d_gathered<T>(window, gather_taps(window, x), filters, nullptr, &w, y, finish);
}

template <class T>
bool computes_bands(const Window& window, std::int64_t filters) {
  const Method whole = method<T>(window, filters);
  if (whole == Method::depthwise || whole == Method::strips) return true;
  // other 3x3 kernels are computed by Winograd's method where there are enough rows
  return whole == Method::taps && !(window.kernel_height == 3 && window.kernel_width == 3 && window.unit_stride());
}

template <class T>
bool multiplies_packed(const Window& window, std::int64_t filters) {
  if (window.channels == 0 || window.output_pixels() * filters == 0) return false;
  return method<T>(window, filters) == Method::taps;
}

template <class T>
bool reads_range(const Window& window, std::int64_t filters) {
  if (window.channels == 0 || window.output_pixels() * filters == 0) return false;
  return method<T>(window, filters) == Method::winograd;
}

template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, const SizeRange& range, T* y,
            const PartFunction<T>* finish) {
  transformed_conv2d(window, filters, x, w, range, y);
  finish_all(window, filters, y, finish);
}

template <class T>
bool fits_packed(const Window& window, std::int64_t filters, const PackedMatrix<T>& w) {
  return w.fits(filters, window.taps(), window.channels);
}

template <class T>
std::unique_ptr<PackedMatrix<T>> pack_kernel(const Window& window, std::int64_t filters, const T* w) {
  return std::make_unique<PackedMatrix<T>>(filters, window.taps(), window.channels, [&](std::int64_t tap) {
    return PackSource<T>{w + tap * window.channels * filters, filters, false};
  });
}

template <class T>
void conv2d_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  if (window.input_pixels() * window.channels == 0) return;
  if (window.output_pixels() * filters == 0) {
    std::fill_n(dx, window.input_pixels() * window.channels, T{0});
    return;
  }
  switch (method<T>(window, filters)) {
    case Method::winograd: return transformed_input_gradient(window, filters, dy, w, dx);
    case Method::depthwise: return depthwise_input_gradient(window, filters, dy, w, dx);
    case Method::strips:
    case Method::taps:
    case Method::groups:
      return for_each_group(window, filters, [&](std::int64_t in, std::int64_t out) {
        input_gradient_gathered(window, filters, dy + out, w + out, dx + in);
      });
  }
}

template <class T>
void conv2d_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  const std::int64_t size = window.taps() * window.group_channels() * filters;
  if (size == 0) return;
  if (window.output_pixels() == 0) {
    std::fill_n(dw, size, T{0});
    return;
  }
  switch (method<T>(window, filters)) {
    case Method::winograd: return transformed_kernel_gradient(window, filters, x, dy, dw);
    case Method::strips: return strips_kernel_gradient(window, filters, x, dy, dw);
    case Method::depthwise: return depthwise_kernel_gradient(window, filters, x, dy, dw);
    case Method::groups:
      return for_each_group(window, filters, [&](std::int64_t in, std::int64_t out) {
        kernel_gradient_gathered(window, gather_taps(window, x + in), filters, dy + out, dw + out);
      });
    case Method::taps: return kernel_gradient_gathered(window, gather_taps(window, x), filters, dy, dw);
  }
}

template <class T>
bool pools_at_once(const Window& window, const Window& pooling) {
  const bool overlaps = pooling.kernel_height > pooling.stride_height || pooling.dilation_height > 1;
  return method<T>(window, pooling.channels) == Method::strips && !overlaps && pooling.output_pixels() > 0;
}

template <class T>
void conv2d_max_pool(const Window& window, const Window& pooling, const T* x, const T* w, T* y, std::int32_t* places) {
  strips_conv2d_max_pool(window, pooling, x, w, y, places);
}

template <class T>
void conv2d_max_pool_kernel_gradient(const Window& window, const Window& pooling, const T* x,
                                     const std::int32_t* places, const T* dy, T* dw) {
  strips_max_pool_kernel_gradient(window, pooling, x, places, dy, dw);
}

template void conv2d(const Window&, std::int64_t, const float*, const float*, float*, const PartFunction<float>*);
template void conv2d(const Window&, std::int64_t, const double*, const double*, double*, const PartFunction<double>*);
template void conv2d(const Window&, std::int64_t, const float*, const PackedMatrix<float>&, float*,
                     const PartFunction<float>*);
template void conv2d(const Window&, std::int64_t, const double*, const PackedMatrix<double>&, double*,
                     const PartFunction<double>*);
template bool computes_bands<float>(const Window&, std::int64_t);
template bool computes_bands<double>(const Window&, std::int64_t);
template bool multiplies_packed<float>(const Window&, std::int64_t);
template bool multiplies_packed<double>(const Window&, std::int64_t);
template bool fits_packed(const Window&, std::int64_t, const PackedMatrix<float>&);
template bool reads_range<float>(const Window&, std::int64_t);
template void conv2d(const Window&, std::int64_t, const float*, const float*, const SizeRange&, float*,
                     const PartFunction<float>*);
template bool fits_packed(const Window&, std::int64_t, const PackedMatrix<double>&);
template bool reads_range<double>(const Window&, std::int64_t);
template void conv2d(const Window&, std::int64_t, const double*, const double*, const SizeRange&, double*,
                     const PartFunction<double>*);
template std::unique_ptr<PackedMatrix<float>> pack_kernel(const Window&, std::int64_t, const float*);
template std::unique_ptr<PackedMatrix<double>> pack_kernel(const Window&, std::int64_t, const double*);
template void conv2d_input_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void conv2d_input_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void conv2d_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void conv2d_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template bool pools_at_once<float>(const Window&, const Window&);
template bool pools_at_once<double>(const Window&, const Window&);
template void conv2d_max_pool(const Window&, const Window&, const float*, const float*, float*, std::int32_t*);
template void conv2d_max_pool(const Window&, const Window&, const double*, const double*, double*, std::int32_t*);
template void conv2d_max_pool_kernel_gradient(const Window&, const Window&, const float*, const std::int32_t*,
                                              const float*, float*);
template void conv2d_max_pool_kernel_gradient(const Window&, const Window&, const double*, const std::int32_t*,
                                              const double*, double*);

}  // namespace xtape::kernels
