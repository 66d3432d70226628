#include "framework/kernels/convolution/depth_taps.hpp"

#include <algorithm>

#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

/// Pixels per task of parallel_for.
std::int64_t pixel_grain(const Window& window) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, window.channels * window.kernel_height));
}

}  // namespace

template <class T>
void gather_depth_taps(const Window& window, const T* x, T* y) {
  const std::int64_t taps = window.kernel_height, run = window.group_channels();
  parallel_for(window.batch * window.out_height * window.width, pixel_grain(window),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t index = begin; index < end; ++index) {
                   const auto [image, row, column] = output_pixel(window, index);
                   const std::int64_t first = row * window.stride_height - window.pad_top;
                   T* out = y + index * taps * window.channels;
                   for (std::int64_t group = 0; group < window.groups; ++group) {
                     for (std::int64_t tap = 0; tap < taps; ++tap, out += run) {
                       const std::int64_t depth = first + tap * window.dilation_height;
                       if (depth < 0 || depth >= window.height) {
                         std::fill_n(out, run, T{0});
                       } else {
                         const std::int64_t pixel = (image * window.height + depth) * window.width + column;
                         std::copy_n(x + pixel * window.channels + group * run, run, out);
                       }
                     }
                   }
                 }
               });
}

template <class T>
void add_depth_taps(const Window& window, const T* dy, T* dx) {
  const std::int64_t taps = window.kernel_height, run = window.group_channels();
  parallel_for(window.batch * window.height * window.width, pixel_grain(window),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t index = begin; index < end; ++index) {
                   const std::int64_t column = index % window.width, slice = index / window.width;
                   const std::int64_t image = slice / window.height, depth = slice % window.height;
                   T* sum = dx + index * window.channels;
                   std::fill_n(sum, window.channels, T{0});
                   for (std::int64_t tap = 0; tap < taps; ++tap) {
                     const std::int64_t start = depth + window.pad_top - tap * window.dilation_height;
                     const std::int64_t row = start / window.stride_height;
                     if (start < 0 || start % window.stride_height != 0 || row >= window.out_height) continue;
                     const std::int64_t pixel = (image * window.out_height + row) * window.width + column;
                     const T* from = dy + pixel * taps * window.channels;
                     for (std::int64_t group = 0; group < window.groups; ++group) {
                       const T* part = from + (group * taps + tap) * run;
                       for (std::int64_t c = 0; c < run; ++c) sum[group * run + c] += part[c];
                     }
                   }
                 }
               });
}

template void gather_depth_taps(const Window&, const float*, float*);
template void gather_depth_taps(const Window&, const double*, double*);
template void add_depth_taps(const Window&, const float*, float*);
template void add_depth_taps(const Window&, const double*, double*);

}  // namespace xtape::kernels
