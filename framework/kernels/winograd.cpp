#include "framework/kernels/winograd.hpp"

#include <algorithm>
#include <array>

#include "framework/kernels/gemm.hpp"
#include "framework/kernels/memory_pool.hpp"
#include "framework/kernels/parallel.hpp"
#include "framework/kernels/product.hpp"

namespace xtape::kernels {
namespace {

constexpr std::int64_t tile_edge = 4;   // output pixels
constexpr std::int64_t patch_edge = 6;  // input pixels
constexpr std::int64_t products = patch_edge * patch_edge;
constexpr std::int64_t weight_depth = 64;  // of transformed weights that stay in the second-level cache

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A row of channels with a few more, so that rows a power of two apart do not crowd few sets of the caches.
std::int64_t padded(std::int64_t channels) { return ceil_div(channels, 16) * 16 + 16; }

/// Images cut into tiles of 4x4 pixels, and patches of 6x6 pixels of other images around them.
struct Tiling {
  std::int64_t batch, rows, columns;  // tiles in an image

  explicit Tiling(const Window& w)
      : batch(w.batch), rows(ceil_div(w.out_height, tile_edge)), columns(ceil_div(w.out_width, tile_edge)) {}
  std::int64_t count() const { return batch * rows * columns; }

  /// Calls f(i, offset) for the edge x edge pixels of images (batch, height, width, channels) whose first one lies at
  /// (4 row - top, 4 column - left) of tile (row, column); offset is -1 where there is no pixel.
  template <class F>
  void for_each_pixel(std::int64_t tile, std::int64_t edge, std::int64_t top, std::int64_t left, std::int64_t height,
                      std::int64_t width, std::int64_t channels, const F& f) const {
    const std::int64_t image = tile / (rows * columns);
    const std::int64_t first_row = tile / columns % rows * tile_edge - top;
    const std::int64_t first_column = tile % columns * tile_edge - left;
    for (std::int64_t i = 0; i < edge; ++i) {
      for (std::int64_t j = 0; j < edge; ++j) {
        const std::int64_t row = first_row + i, column = first_column + j;
        const bool inside = row >= 0 && row < height && column >= 0 && column < width;
        f(i * edge + j, inside ? ((image * height + row) * width + column) * channels : -1);
      }
    }
  }
};

/// Zeros to read where there is no pixel, and a place to write what nobody needs.
template <class T>
class Outside {
 public:
  explicit Outside(std::int64_t channels) : zeros_(channels), dump_(channels) {
    std::fill_n(zeros_.data(), channels, T{0});
  }
  const T* zeros() const { return zeros_.data(); }
  T* dump() const { return dump_.data(); }

 private:
  Workspace<T> zeros_, dump_;
};

template <class T>
std::array<T*, products> planes(T* first, std::int64_t stride) {
  std::array<T*, products> all;
  for (std::int64_t i = 0; i < products; ++i) all[static_cast<std::size_t>(i)] = first + i * stride;
  return all;
}

/// The transformed patches of tiles [begin, end): 36 planes (end - begin, stride), `plane` values apart.
template <class T>
void transform_patches(const Window& w, const Tiling& tiling, const T* x, const T* zeros, std::int64_t begin,
                       std::int64_t end, T* out, std::int64_t stride, std::int64_t plane) {
  std::array<const T*, products> patch;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    tiling.for_each_pixel(tile, patch_edge, w.pad_top, w.pad_left, w.height, w.width, w.channels,
                          [&](std::int64_t i, std::int64_t offset) {
                            patch[static_cast<std::size_t>(i)] = offset < 0 ? zeros : x + offset;
                          });
    engine<T>().winograd_input(patch.data(), planes(out + (tile - begin) * stride, plane).data(), w.channels);
  }
}

/// A convolution with weights that b gives tap by tap, as matrices (channels, filters).
template <class T>
class Convolution {
 public:
  using Weights = FunctionRef<PackSource<T>(std::int64_t tap)>;

  Convolution(const Window& window, std::int64_t filters, const T* x, Weights weights, T* y)
      : window_(window),
        filters_(filters),
        x_(x),
        weights_(weights),
        y_(y),
        tiling_(window),
        outside_(std::max(window.channels, filters)) {}

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

  /// Many tiles: the weights are transformed once; blocks of tiles then go through all three steps.
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
      transform_patches(window_, tiling_, x_, outside_.zeros(), begin, end, v.data(), stride, tiles * stride);
      for (std::int64_t i = 0; i < products; ++i) {
        multiply_plane(v.data() + i * tiles * stride, stride, tiles, channels, u.data() + i * plane, filters_,
                       m.data() + i * tiles * out_stride, out_stride, false);
      }
      write_tiles(begin, end, 0, filters_, m.data(), out_stride, tiles * out_stride);
    });
  }

  /// Few tiles of many channels: the patches are transformed once, and the weights for some filters and channels at a
  /// time, right before they are used.
  void patches_first() const {
    const std::int64_t channels = window_.channels;
    const std::int64_t tiles = tiling_.count(), stride = padded(channels);
    const Workspace<T> v(products * tiles * stride);
    parallel_for(tiles, 4, [&](std::int64_t begin, std::int64_t end) {
      transform_patches(window_, tiling_, x_, outside_.zeros(), begin, end, v.data() + begin * stride, stride,
                        tiles * stride);
    });
    parallel_for(panels(), 1, [&](std::int64_t panel, std::int64_t) {
      const Workspace<T> u(products * weight_depth * width());
      const Workspace<T> m(products * tiles * width());
      for (std::int64_t c = 0; c < channels; c += weight_depth) {
        const std::int64_t depth = std::min(weight_depth, channels - c);
        transform_weights(panel, c, depth, u.data(), depth * width());
        for (std::int64_t i = 0; i < products; ++i) {
          multiply_plane(v.data() + i * tiles * stride + c, stride, tiles, depth, u.data() + i * depth * width(),
                         width(), m.data() + i * tiles * width(), width(), c > 0);
        }
      }
      const std::int64_t first = panel * width();
      write_tiles(0, tiles, first, std::min(filters_, first + width()), m.data(), width(), tiles * width());
    });
  }

  /// The weights of channels [c, c + depth) and one panel of filters, transformed and packed.
  void transform_weights(std::int64_t panel, std::int64_t c, std::int64_t depth, T* u, std::int64_t plane) const {
    const std::int64_t first = panel * width();
    const Workspace<T> packed(9 * depth * width());
    std::array<const T*, 9> taps;
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      PackSource<T> source = weights_(tap);
      source.data += source.transposed ? first * source.stride + c : c * source.stride + first;
      T* out = packed.data() + tap * depth * width();
      engine_.pack(source, depth, std::min(width(), filters_ - first), out, depth * width());
      taps[static_cast<std::size_t>(tap)] = out;
    }
    engine_.winograd_weights(taps.data(), planes(u, plane).data(), depth * width());
  }

  void multiply_plane(const T* v, std::int64_t stride, std::int64_t tiles, std::int64_t depth, const T* u,
                      std::int64_t columns, T* m, std::int64_t out_stride, bool accumulate) const {
    const Workspace<const T*> rows(tiles);
    const Workspace<T*> out(tiles);
    for (std::int64_t t = 0; t < tiles; ++t) {
      rows[t] = v + t * stride;
      out[t] = m + t * out_stride;
    }
    engine_.multiply_rows({.rows = tiles,
                           .columns = columns,
                           .segments = 1,
                           .length = depth,
                           .a = rows.data(),
                           .zeros = nullptr,
                           .b = u,
                           .c = out.data(),
                           .accumulate = accumulate});
  }

  /// Filters [first, last) of the output pixels of tiles [begin, end).
  void write_tiles(std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last, const T* m,
                   std::int64_t stride, std::int64_t plane) const {
    std::array<T*, tile_edge * tile_edge> pixels;
    for (std::int64_t tile = begin; tile < end; ++tile) {
      tiling_.for_each_pixel(tile, tile_edge, 0, 0, window_.out_height, window_.out_width, filters_,
                             [&](std::int64_t i, std::int64_t offset) {
                               pixels[static_cast<std::size_t>(i)] = offset < 0 ? outside_.dump() : y_ + offset + first;
                             });
      engine_.winograd_output(planes(m + (tile - begin) * stride, plane).data(), pixels.data(), last - first);
    }
  }

  const Engine<T>& engine_ = engine<T>();
  const Window& window_;
  std::int64_t filters_;
  const T* x_;
  Weights weights_;
  T* y_;
  Tiling tiling_;
  Outside<T> outside_;
};

/// dw from tiles: the products of transformed patches of x and transformed tiles of dy, summed up, transformed back.
template <class T>
class KernelGradient {
 public:
  KernelGradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw)
      : window_(window),
        filters_(filters),
        x_(x),
        dy_(dy),
        dw_(dw),
        tiling_(window),
        outside_(std::max(window.channels, filters)) {}

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
        transform_patches(window_, tiling_, x_, outside_.zeros(), first + begin, first + end,
                          v.data() + begin * x_stride, x_stride, tiles * x_stride);
        transform_gradients(first + begin, first + end, u.data() + begin * dy_stride, dy_stride, tiles * dy_stride);
      });
      parallel_for(products, 1, [&](std::int64_t i, std::int64_t) {
        add_products(tiles, v.data() + i * tiles * x_stride, x_stride, u.data() + i * tiles * dy_stride, dy_stride,
                     sums.data() + i * size, first > 0);
      });
    }
    parallel_for(size, 4096, [&](std::int64_t begin, std::int64_t end) {
      std::array<T*, 9> taps;
      for (std::size_t tap = 0; tap < 9; ++tap) taps[tap] = dw_ + static_cast<std::int64_t>(tap) * size + begin;
      engine_.winograd_weight_gradient(planes<const T>(sums.data() + begin, size).data(), taps.data(), end - begin);
    });
  }

 private:
  static constexpr std::int64_t tiles_at_a_time = 1024;  // bounds the memory for what is transformed

  void transform_gradients(std::int64_t begin, std::int64_t end, T* out, std::int64_t stride,
                           std::int64_t plane) const {
    std::array<const T*, tile_edge * tile_edge> pixels;
    for (std::int64_t tile = begin; tile < end; ++tile) {
      tiling_.for_each_pixel(tile, tile_edge, 0, 0, window_.out_height, window_.out_width, filters_,
                             [&](std::int64_t i, std::int64_t offset) {
                               pixels[static_cast<std::size_t>(i)] = offset < 0 ? outside_.zeros() : dy_ + offset;
                             });
      engine_.winograd_output_gradient(pixels.data(), planes(out + (tile - begin) * stride, plane).data(), filters_);
    }
  }

  void add_products(std::int64_t tiles, const T* v, std::int64_t v_stride, const T* u, std::int64_t u_stride, T* sum,
                    bool accumulate) const {
    gemm<T>(window_.channels, filters_, tiles, {v, v_stride, true}, {u, u_stride}, sum, filters_, accumulate);
  }

  const Engine<T>& engine_ = engine<T>();
  const Window& window_;
  std::int64_t filters_;
  const T *x_, *dy_;
  T* dw_;
  Tiling tiling_;
  Outside<T> outside_;
};

/// The window of the convolution that takes dy to dx: as many pixels of padding as the other one leaves.
Window reversed(const Window& w, std::int64_t filters) {
  Window r = w;
  r.height = w.out_height;
  r.width = w.out_width;
  r.channels = filters;
  r.out_height = w.height;
  r.out_width = w.width;
  r.pad_top = 2 - w.pad_top;
  r.pad_left = 2 - w.pad_left;
  return r;
}

}  // namespace

bool winograd_applies(const Window& w, std::int64_t filters) {
  const bool shape =
      w.kernel_height == 3 && w.kernel_width == 3 && w.unit_stride() && w.dilation_height == 1 && w.dilation_width == 1;
  const auto filled = [](std::int64_t height, std::int64_t width) {
    const std::int64_t covered = ceil_div(height, tile_edge) * ceil_div(width, tile_edge) * tile_edge * tile_edge;
    return height >= tile_edge && width >= tile_edge && 2 * height * width >= covered;
  };
  constexpr std::int64_t few_tiles = 8;  // for which to transform the weights costs more than it saves
  return shape && Tiling(w).count() >= few_tiles && w.channels >= 16 && filters >= 16 && filled(w.height, w.width) &&
         filled(w.out_height, w.out_width);
}

template <class T>
void winograd_conv2d(const Window& window, std::int64_t filters, const T* x, const T* w, T* y) {
  const auto weights = [&](std::int64_t tap) {
    return PackSource<T>{w + tap * window.channels * filters, filters, false};
  };
  Convolution<T>(window, filters, x, weights, y).run();
}

template <class T>
void winograd_input_gradient(const Window& window, std::int64_t filters, const T* dy, const T* w, T* dx) {
  const auto turned = [&](std::int64_t tap) {
    return PackSource<T>{w + (8 - tap) * window.channels * filters, filters, true};
  };
  const Window from_dy = reversed(window, filters);
  Convolution<T>(from_dy, window.channels, dy, turned, dx).run();
}

template <class T>
void winograd_kernel_gradient(const Window& window, std::int64_t filters, const T* x, const T* dy, T* dw) {
  KernelGradient<T>(window, filters, x, dy, dw).run();
}

template void winograd_conv2d(const Window&, std::int64_t, const float*, const float*, float*);
template void winograd_conv2d(const Window&, std::int64_t, const double*, const double*, double*);
template void winograd_input_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void winograd_input_gradient(const Window&, std::int64_t, const double*, const double*, double*);
template void winograd_kernel_gradient(const Window&, std::int64_t, const float*, const float*, float*);
template void winograd_kernel_gradient(const Window&, std::int64_t, const double*, const double*, double*);

}  // namespace xtape::kernels
