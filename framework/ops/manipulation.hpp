// Functions that move elements and compute nothing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The same elements under another shape; one extent may be -1 and is computed. Shares storage. dx = dy in the shape of
/// x. Error unless the number of elements stays.
Variable reshape(const Variable& x, std::initializer_list<std::int64_t> extents);
Variable reshape(const Variable& x, const Shape& shape);

/// Axis i of y is axis permutation[i] of x; by default the axes are reversed. dx = dy transposed back. Error unless
/// each axis comes once.
Variable transpose(const Variable& x, const std::vector<int>& permutation = {});

/// The inputs one behind the other along an axis. Each input's gradient is its part of dy. Error unless there is an
/// input and all have one type, and one shape but for that axis.
Variable concatenate(const std::vector<Variable>& inputs, int axis);

/// Elements begin, begin + step, ... below end along each axis; one number an axis each, step 1 by default. Negative
/// begin and end count from the end of the axis. dx is dy in these places, 0 elsewhere. Error unless 0 <= begin <= end
/// <= extent and step >= 1.
Variable slice(const Variable& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
               const std::vector<std::int64_t>& step = {});

/// Elements added in front of an axis and behind it.
struct PadWidths {
  std::int64_t before = 0, after = 0;
};

/// x with `value` around it, e.g. pad(x, {{0, 0}, {1, 2}}). dx is the part of dy that x was. Error unless there is one
/// pair of widths an axis and none is negative.
Variable pad(const Variable& x, const std::vector<PadWidths>& widths, double value = 0);

}  // namespace xtape
