#include <algorithm>
#include <array>

#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/convolution/winograd_tiles.hpp"
#include "framework/kernels/gemm/gather.hpp"
#include "framework/kernels/gemm/gemm.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

using namespace winograd;

/// The kernel gradient dw by Winograd's method: sums the products of transformed patches of x and transformed tiles of
/// dy over all tiles, and transforms the sums back.
template <class T>
class KernelGradient {
 public:
  KernelGradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw, const Images& images)
      : window_(window),
        filters_(filters),
        x_(x),
        dy_(dy),
        dw_(dw),
        tiling_(window, images),
        zeros_(std::max(window.channels, filters)) {}

  void run() const {
    const std::int64_t size = window_.channels * filters_;
    const Workspace<T> sums(products * size);
    const std::int64_t block = std::min(tiling_.count(), tiles_at_a_time);
    const std::int64_t x_stride = padded(window_.channels), dy_stride = padded(filters_);
    const Workspace<T> v(products * block * x_stride);
    const Workspace<T> u(products * block * dy_stride);
    for (std::int64_t first = 0; first < tiling_.count(); first += block) {
      const std::int64_t tiles = std::min(block, tiling_.count() - first);
      parallel_for(tiles, 8, [&](std::int64_t begin, std::int64_t end) {
        transform_patches(*engines_.wide, window_, tiling_, x_, zeros_.data(), first + begin, first + end,
                          v.data() + begin * x_stride, x_stride, tiles * x_stride);
        transform_gradients(first + begin, first + end, u.data() + begin * dy_stride, dy_stride, tiles * dy_stride);
      });
      parallel_for(products, 1, [&](std::int64_t i, std::int64_t) {
        gemm<T>(window_.channels, filters_, tiles, {v.data() + i * tiles * x_stride, x_stride, true},
                {u.data() + i * tiles * dy_stride, dy_stride}, sums.data() + i * size, filters_, first > 0, engines_);
      });
    }
    parallel_for(size, 4096, [&](std::int64_t begin, std::int64_t end) {
      std::array<T*, 9> taps;
      for (std::size_t tap = 0; tap < 9; ++tap) taps[tap] = dw_ + static_cast<std::int64_t>(tap) * size + begin;
      engines_.wide->winograd_weight_gradient(planes<const T>(sums.data() + begin, size).data(), taps.data(),
                                              end - begin);
    });
  }

 private:
  static constexpr std::int64_t tiles_at_a_time = 1024;  // limits the memory for transformed patches and tiles

  void transform_gradients(std::int64_t begin, std::int64_t end, T* out, std::int64_t stride,
                           std::int64_t plane) const {
    std::array<const T*, tile_edge * tile_edge> pixels;
    for (std::int64_t tile = begin; tile < end; ++tile) {
      tiling_.for_each_pixel(tile, tile_edge, 0, 0, window_.out_height, window_.out_width, filters_,
                             [&](std::int64_t i, std::int64_t offset) {
                               pixels[static_cast<std::size_t>(i)] = offset < 0 ? zeros_.data() : dy_ + offset;
                             });
      engines_.wide->winograd_output_gradient(pixels.data(), planes(out + (tile - begin) * stride, plane).data(),
                                              filters_);
    }
  }

  const Engines<T>& engines_ = engines_in_use<T>();
  const Window& window_;
  std::int64_t filters_;
  const T *x_, *dy_;
  T* dw_;
  Tiling tiling_;
  Zeros<T> zeros_;
};

}  // namespace

template <class T>
void winograd_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw,
                              const Images& images) {
  KernelGradient<T>(window, filters, x, dy, dw, images).run();
}

template void winograd_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*, const Images&);
template void winograd_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*,
                                       const Images&);

}  // namespace xtape::kernels
