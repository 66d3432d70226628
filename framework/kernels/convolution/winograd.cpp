#include "framework/kernels/convolution/winograd.hpp"

#include <algorithm>
#include <array>

#include "framework/kernels/convolution/winograd_tiles.hpp"
#include "framework/kernels/gemm/gather.hpp"
#include "framework/kernels/gemm/product.hpp"
#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::kernels {
namespace {

using namespace winograd;

constexpr std::int64_t weight_depth = 64;  // channels of transformed weights that fit in the second-level cache

/// A convolution by Winograd's method. weights(tap) returns the weights of a tap, a matrix (channels, filters).
template <class T>
class Convolution {
 public:
  using Weights = FunctionRef<PackSource<T>(std::int64_t tap)>;

  Convolution(const Window& window, std::int64_t filters, const T* x, Weights weights, T* y, const Images& images)
      : window_(window),
        filters_(filters),
        x_(x),
        weights_(weights),
        y_(y),
        tiling_(window, images),
        zeros_(window.channels) {}

  void run() const {
    if (tiling_.count() > 2 * many_tiles) {
      weights_first();
    } else {
      patches_first();
    }
  }

 private:
  static constexpr std::int64_t many_tiles = 48;
  std::int64_t width() const { return engine_.tile_columns; }
  std::int64_t panels() const { return ceil_div(filters_, width()); }

  /// For many tiles: transforms the weights once. Then each block of tiles is transformed, multiplied and transformed
  /// back.
  void weights_first() const {
    const std::int64_t channels = window_.channels;
    const std::int64_t plane = panels() * channels * width();
    const Workspace<T> u(products * plane);
    parallel_for(panels(), 1, [&](std::int64_t panel, std::int64_t) {
      transform_weights(panel, 0, channels, u.data() + panel * channels * width(), plane);
    });
    const std::int64_t tasks = ceil_div(tiling_.count(), 2 * many_tiles) * 2;  // an even number, for two cores
    const std::int64_t block = ceil_div(ceil_div(tiling_.count(), tasks), engine_.tile_rows) * engine_.tile_rows;
    const std::int64_t stride = padded(channels), out_stride = padded(filters_);
    parallel_for(tiling_.count(), block, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t tiles = end - begin;
      const Workspace<T> v(products * tiles * stride);
      const Workspace<T> m(products * tiles * out_stride);
      transform_patches(*engines_.wide, window_, tiling_, x_, zeros_.data(), begin, end, v.data(), stride,
                        tiles * stride);
      multiply_planes(v.data(), stride, tiles, channels, u.data(), plane, filters_, m.data(), out_stride, false);
      write_tiles(begin, end, 0, filters_, m.data(), out_stride, tiles * out_stride);
    });
  }

  /// For few tiles: transforms the patches once, and the weights of some filters and channels at a time, immediately
  /// before they are used.
  void patches_first() const {
    const std::int64_t channels = window_.channels;
    const std::int64_t tiles = tiling_.count(), stride = padded(channels);
    const Workspace<T> v(products * tiles * stride);
    parallel_for(tiles, 4, [&](std::int64_t begin, std::int64_t end) {
      transform_patches(*engines_.wide, window_, tiling_, x_, zeros_.data(), begin, end, v.data() + begin * stride,
                        stride, tiles * stride);
    });
    parallel_for(panels(), 1, [&](std::int64_t panel, std::int64_t) {
      const std::int64_t first = panel * width(), columns = std::min(width(), filters_ - first);
      const Workspace<T> u(products * weight_depth * width());
      const Workspace<T> m(products * tiles * width());
      for (std::int64_t c = 0; c < channels; c += weight_depth) {
        const std::int64_t depth = std::min(weight_depth, channels - c);
        transform_weights(panel, c, depth, u.data(), depth * width());
        multiply_planes(v.data() + c, stride, tiles, depth, u.data(), depth * width(), columns, m.data(), width(),
                        c > 0);
      }
      write_tiles(0, tiles, first, first + columns, m.data(), width(), tiles * width());
    });
  }

  /// Packs and transforms the weights of channels [c, c + depth) and one panel of filters.
  void transform_weights(std::int64_t panel, std::int64_t c, std::int64_t depth, T* u, std::int64_t plane) const {
    const std::int64_t first = panel * width();
    const Workspace<T> packed(9 * depth * width());
    std::array<const T*, 9> taps;
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      T* out = packed.data() + tap * depth * width();
      engine_.pack(weights_(tap).from(c, first), depth, std::min(width(), filters_ - first), out, depth * width());
      taps[static_cast<std::size_t>(tap)] = out;
    }
    engines_.wide->winograd_weights(taps.data(), planes(u, plane).data(), depth * width());
  }

  /// Multiplies each plane of the transformed patches v by that of the weights u: `tiles` rows, `stride` apart.
  void multiply_planes(const T* v, std::int64_t stride, std::int64_t tiles, std::int64_t depth, const T* u,
                       std::int64_t plane, std::int64_t columns, T* m, std::int64_t out_stride, bool accumulate) const {
    const Workspace<const T*> rows(tiles);
    const Workspace<T*> out(tiles);
    for (std::int64_t i = 0; i < products; ++i) {
      for (std::int64_t t = 0; t < tiles; ++t) {
        rows[t] = v + (i * tiles + t) * stride;
        out[t] = m + (i * tiles + t) * out_stride;
      }
      engine_.multiply_rows({.rows = tiles,
                             .columns = columns,
                             .segments = 1,
                             .length = depth,
                             .a = rows.data(),
                             .zeros = nullptr,
                             .b = u + i * plane,
                             .c = out.data(),
                             .accumulate = accumulate});
    }
  }

  /// Transforms the products m back and writes filters [first, last) of the output pixels of tiles [begin, end).
  void write_tiles(std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last, const T* m,
                   std::int64_t stride, std::int64_t plane) const {
    const Workspace<T> unwanted(last - first);
    std::array<T*, tile_edge * tile_edge> pixels;
    for (std::int64_t tile = begin; tile < end; ++tile) {
      tiling_.for_each_pixel(tile, tile_edge, 0, 0, window_.out_height, window_.out_width, filters_,
                             [&](std::int64_t i, std::int64_t offset) {
                               pixels[static_cast<std::size_t>(i)] = offset < 0 ? unwanted.data() : y_ + offset + first;
                             });
      engines_.wide->winograd_output(planes(m + (tile - begin) * stride, plane).data(), pixels.data(), last - first);
    }
  }

  const Engines<T>& engines_ = engines_in_use<T>();
  const Window& window_;
  std::int64_t filters_;
  const Engine<T>& engine_ = engines_.best_for(filters_);  // for the products
  const T* x_;
  Weights weights_;
  T* y_;
  Tiling tiling_;
  Zeros<T> zeros_;
};

}  // namespace

bool winograd_applies(const Window& w, std::int64_t filters) {
  const bool shape =
      w.kernel_height == 3 && w.kernel_width == 3 && w.unit_stride() && w.dilation_height == 1 && w.dilation_width == 1;
  const auto filled = [](std::int64_t height, std::int64_t width) {
    const std::int64_t covered = ceil_div(height, tile_edge) * ceil_div(width, tile_edge) * tile_edge * tile_edge;
    return height >= tile_edge && width >= tile_edge && 2 * height * width >= covered;
  };
  constexpr std::int64_t few_tiles = 20;  // for fewer, transforming the weights costs more than the method saves
  const std::int64_t tiles = w.batch * ceil_div(w.out_height, tile_edge) * ceil_div(w.out_width, tile_edge);
  return shape && tiles >= few_tiles && w.channels >= 16 && filters >= 16 && filled(w.height, w.width) &&
         filled(w.out_height, w.out_width);
}

template <class T>
void winograd_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y, const Images& images) {
  const auto weights = [&](std::int64_t tap) {
    return PackSource<T>{w + tap * window.channels * filters, filters, false};
  };
  Convolution<T>(window, filters, x, weights, y, images).run();
}

template <class T>
void winograd_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx,
                             const Images& images) {
  const auto turned = [&](std::int64_t tap) {
    return PackSource<T>{w + (8 - tap) * window.channels * filters, filters, true};
  };
  const Window from_dy = reversed(window, filters);
  Convolution<T>(from_dy, window.channels, dy, turned, dx, images).run();
}

template void winograd_conv2d(const Window&, std::int64_t, const float*, const float*, float*, const Images&);
template void winograd_conv2d(const Window&, std::int64_t, const double*, const double*, double*, const Images&);
template void winograd_input_gradient(const Window&, std::int64_t, const float*, const float*, float*, const Images&);
template void winograd_input_gradient(const Window&, std::int64_t, const double*, const double*, double*,
                                      const Images&);

}  // namespace xtape::kernels
