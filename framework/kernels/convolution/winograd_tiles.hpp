// The tiles and patches of Winograd's method, and the memory layout of their transforms. Internal to kernels/.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "framework/kernels/convolution/window.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/simd/engine.hpp"

namespace xtape::kernels::winograd {

inline constexpr std::int64_t tile_edge = 4;   // in output pixels
inline constexpr std::int64_t patch_edge = 6;  // in input pixels
inline constexpr std::int64_t products = patch_edge * patch_edge;

/// The division of the output of some images of a batch into tiles of 4x4 pixels. A tile is computed from a patch of
/// 6x6 input pixels.
struct Tiling {
  std::vector<std::int64_t> images;
  std::int64_t rows, columns;  // tiles in an image

  Tiling(const Window& w, std::vector<std::int64_t> of_images)
      : images(std::move(of_images)),
        rows(ceil_div(w.out_height, tile_edge)),
        columns(ceil_div(w.out_width, tile_edge)) {}
  std::int64_t count() const { return std::ssize(images) * rows * columns; }

  /// Calls f(i, offset) for each pixel i of the square of edge x edge pixels that belongs to a tile, in images (batch,
  /// height, width, channels). The square of the tile in row r and column c begins at pixel (4 r - top, 4 c - left).
  /// `offset` is the position of the pixel in memory; -1 if it lies outside of the image.
  template <class F>
  void for_each_pixel(std::int64_t tile, std::int64_t edge, std::int64_t top, std::int64_t left, std::int64_t height,
                      std::int64_t width, std::int64_t channels, const F& f) const {
    const std::int64_t image = images[static_cast<std::size_t>(tile / (rows * columns))];
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

/// The window of the convolution that computes dx from dy. Its padding is 2 minus the padding of w.
inline Window reversed(const Window& w, std::int64_t filters) {
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

template <class T>
std::array<T*, products> planes(T* first, std::int64_t stride) {
  std::array<T*, products> all;
  for (std::int64_t i = 0; i < products; ++i) all[static_cast<std::size_t>(i)] = first + i * stride;
  return all;
}

/// Transforms the patches of tiles [begin, end). The result consists of 36 planes (end - begin, stride), `plane` values
/// apart.
template <class T>
void transform_patches(const Engine<T>& engine, const Window& w, const Tiling& tiling, const T* x, const T* zeros,
                       std::int64_t begin, std::int64_t end, T* out, std::int64_t stride, std::int64_t plane) {
  std::array<const T*, products> patch;
  for (std::int64_t tile = begin; tile < end; ++tile) {
    tiling.for_each_pixel(tile, patch_edge, w.pad_top, w.pad_left, w.height, w.width, w.channels,
                          [&](std::int64_t i, std::int64_t offset) {
                            patch[static_cast<std::size_t>(i)] = offset < 0 ? zeros : x + offset;
                          });
    engine.winograd_input(patch.data(), planes(out + (tile - begin) * stride, plane).data(), w.channels);
  }
}

}  // namespace xtape::kernels::winograd
