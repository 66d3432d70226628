#include "framework/kernels/convolution.hpp"

#include <algorithm>

#include "framework/kernels/gemm.hpp"
#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"

namespace xtape::kernels {
namespace {

/// The patches of output pixels [begin, end) as rows of taps() * channels values, zeros where a tap lies on padding.
template <class T>
void gather_patches(const Window& window, std::int64_t begin, std::int64_t end, const T* x, T* patches) {
  const std::int64_t channels = window.channels;
  const std::int64_t patch = window.taps() * channels;
  parallel_for(end - begin, std::max<std::int64_t>(1, 16384 / patch), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      T* out = patches + row * patch;
      for_each_tap(
          window, output_pixel(window, begin + row),
          [&](std::int64_t tap, std::int64_t pixel) {
            std::copy_n(x + pixel * channels, channels, out + tap * channels);
          },
          [&](std::int64_t tap) { std::fill_n(out + tap * channels, channels, T{0}); });
    }
  });
}

/// Adds patches back where they were gathered, for the images [begin, end); an image is touched by one thread only.
template <class T>
void scatter_patches(const Window& window, std::int64_t begin, std::int64_t end, const T* patches, T* dx) {
  const std::int64_t channels = window.channels;
  const std::int64_t patch = window.taps() * channels;
  const std::int64_t image_size = window.height * window.width * channels;
  const std::int64_t outputs = window.out_height * window.out_width;
  parallel_for(end - begin, 1, [&](std::int64_t first, std::int64_t last) {
    std::fill(dx + (begin + first) * image_size, dx + (begin + last) * image_size, T{0});
    for (std::int64_t row = first * outputs; row < last * outputs; ++row) {
      const T* in = patches + row * patch;
      for_each_tap(
          window, output_pixel(window, begin * outputs + row),
          [&](std::int64_t tap, std::int64_t pixel) {
            T* target = dx + pixel * channels;
            const T* source = in + tap * channels;
            for (std::int64_t c = 0; c < channels; ++c) target[c] += source[c];
          },
          [](std::int64_t) {});
    }
  });
}

/// Rows of patches made at a time: few enough to stay in the second-level cache, or all of them (and then the matrix
/// product itself is spread over the cores) when there are too few rows to give every core some blocks.
std::int64_t rows_at_a_time(std::int64_t rows, std::int64_t patch) {
  const std::int64_t block = std::clamp<std::int64_t>((std::int64_t{256} << 10) / patch / 32 * 32, 64, 1024);
  return rows >= 8 * block ? block : rows;
}

}  // namespace

template <class T>
void conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y) {
  const std::int64_t rows = window.output_pixels();
  const std::int64_t patch = window.taps() * window.channels;
  if (window.pointwise() && window.unit_stride()) {
    return gemm<T>(rows, filters, patch, {x, patch}, {w, filters}, y, filters);
  }
  parallel_for(rows, rows_at_a_time(rows, patch), [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> patches((end - begin) * patch);
    gather_patches(window, begin, end, x, patches.data());
    gemm<T>(end - begin, filters, patch, {patches.data(), patch}, {w, filters}, y + begin * filters, filters);
  });
}

template <class T>
void conv2d_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  const std::int64_t patch = window.taps() * window.channels;
  if (window.pointwise() && window.unit_stride()) {
    return gemm<T>(window.output_pixels(), patch, filters, {dy, filters}, {w, filters, true}, dx, patch);
  }
  const std::int64_t outputs = std::max<std::int64_t>(window.out_height * window.out_width, 1);
  const std::int64_t images = std::max<std::int64_t>(1, rows_at_a_time(window.output_pixels(), patch) / outputs);
  parallel_for(window.batch, images, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t rows = (end - begin) * outputs;
    const Workspace<T> patches(rows * patch);
    gemm<T>(rows, patch, filters, {dy + begin * outputs * filters, filters}, {w, filters, true}, patches.data(), patch);
    scatter_patches(window, begin, end, patches.data(), dx);
  });
}

template <class T>
void conv2d_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  const std::int64_t rows = window.output_pixels();
  const std::int64_t patch = window.taps() * window.channels;
  if (window.pointwise() && window.unit_stride()) {
    return gemm<T>(patch, filters, rows, {x, patch, true}, {dy, filters}, dw, filters);
  }
  const std::int64_t block = std::max<std::int64_t>(64, (std::int64_t{1} << 20) / patch);
  const Workspace<T> patches(std::min(block, rows) * patch);
  if (rows == 0) std::fill_n(dw, patch * filters, T{0});
  for (std::int64_t begin = 0; begin < rows; begin += block) {  // one after the other, added up in this order
    const std::int64_t end = std::min(rows, begin + block);
    gather_patches(window, begin, end, x, patches.data());
    gemm<T>(patch, filters, end - begin, {patches.data(), patch, true}, {dy + begin * filters, filters}, dw, filters,
            begin > 0);
  }
}

template void conv2d(const Window&, std::int64_t, const float*, const float*, float*);
template void conv2d(const Window&, std::int64_t, const double*, const double*, double*);
template void conv2d_input_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void conv2d_input_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void conv2d_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void conv2d_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);

}  // namespace xtape::kernels
