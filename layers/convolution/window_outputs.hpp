// The output extents of a sliding window, for images whose height or width may be unknown.
#pragma once

#include <array>

#include "framework/kernels/convolution/window.hpp"
#include "layers/graph/tensor_spec.hpp"

namespace xtape {

/// Height and width of the output for samples of shape `image` (height, width, channels). `place` computes the window
/// for images of a known shape (n, height, width, channels) and throws the Errors. An unknown extent of the input gives
/// an unknown extent of the output. `place` then gets a large number instead of it, so that it can check the other
/// extents.
template <class Place>
std::array<Extent, 2> window_outputs(const PartialShape& image, const Place& place) {
  constexpr std::int64_t large = std::int64_t{1} << 20;
  const auto extent_or = [&](int axis, std::int64_t stand_in) {
    return image[axis].known() ? image[axis].value() : stand_in;
  };
  const kernels::Window window = place(Shape{1, extent_or(0, large), extent_or(1, large), extent_or(2, 1)});
  return {image[0].known() ? Extent(window.out_height) : any, image[1].known() ? Extent(window.out_width) : any};
}

}  // namespace xtape
