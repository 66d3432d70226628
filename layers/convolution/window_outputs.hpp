// The output extents of a sliding window, for inputs whose extents may be unknown.
#pragma once

#include <vector>

#include "layers/graph/tensor_spec.hpp"

namespace xtape {

/// The shape of the output for samples of shape x (extents, channels) with `channels` channels of the output. `place`
/// computes the output extents for an input of a known shape (1, extents, 1) and throws the Errors. An unknown
/// extent of the input gives an unknown extent of the output. `place` then gets a large number instead of it, so that
/// it can check the other extents.
template <class Place>
PartialShape window_outputs(const PartialShape& x, Extent channels, const Place& place) {
  constexpr std::int64_t large = std::int64_t{1} << 16;  // three of them, and strides, have a product below 2^62
  std::vector<std::int64_t> shape{1};
  for (const Extent extent : x) shape.push_back(extent.known() ? extent.value() : large);
  shape.back() = x[-1] == Extent(0) ? 0 : 1;  // the window does not depend on the number of channels
  const std::vector<std::int64_t> placed = place(Shape(shape));
  std::vector<Extent> outputs;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) {
    outputs.push_back(x[axis].known() ? Extent(placed[static_cast<std::size_t>(axis)]) : any);
  }
  outputs.push_back(channels);
  return PartialShape(outputs);
}

/// The shape (size, rest) of a kernel.
inline PartialShape kernel_shape(const std::vector<std::int64_t>& size, std::initializer_list<Extent> rest) {
  std::vector<Extent> shape(size.begin(), size.end());
  shape.insert(shape.end(), rest);
  return PartialShape(shape);
}

}  // namespace xtape
