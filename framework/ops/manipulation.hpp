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

/// The inputs, all of one shape, side by side along a new axis. Error as above.
Variable stack(const std::vector<Variable>& inputs, int axis = 0);

/// The reverse of concatenate: parts of these sizes along an axis, or so many of one size. Error unless the sizes add
/// up to the extent, or the number of parts divides it.
std::vector<Variable> split(const Variable& x, const std::vector<std::int64_t>& sizes, int axis);
std::vector<Variable> split(const Variable& x, std::int64_t parts, int axis);

/// x without the axes, or without all axes of extent 1. Error when one of the axes has another extent.
Variable squeeze(const Variable& x, const std::vector<int>& axes = {});

/// x with a new axis of extent 1, which is axis `axis` of the result. Error unless -rank - 1 <= axis <= rank.
Variable expand_dims(const Variable& x, int axis);

/// x with two axes exchanged.
Variable swapaxes(const Variable& x, int first, int second);

/// x with the order of the elements reversed along the axes; by default along all.
Variable flip(const Variable& x, const std::vector<int>& axes = {});

/// x as a whole, repeated so many times along each axis: (2, 3) and {2, 1} give (4, 3). Error unless there is one
/// number an axis, each at least 1.
Variable tile(const Variable& x, const std::vector<std::int64_t>& repetitions);

/// Each element of an axis repeated so many times, one behind the other: a b becomes a a b b. Error when times < 1.
Variable repeat(const Variable& x, std::int64_t times, int axis);

/// The elements of an axis that the indices name: y[..., i, j, ...] = x[..., indices[i, j], ...], with the axes of
/// `indices` in place of that axis; negative ones count from the end. Rows of an embedding: take(table, tokens, 0).
/// dx[k] is the sum of dy over the places where index k stands. Error unless the indices are int64 and in range.
Variable take(const Variable& x, const Tensor& indices, int axis);

/// 1 in column indices[i] of row i, 0 elsewhere: int64 indices of any shape (...) give (..., classes). Error when one
/// is not in [0, classes).
Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype = DType::float32);

/// Elements added in front of an axis and behind it.
struct PadWidths {
  std::int64_t before = 0, after = 0;
};

/// x with `value` around it, e.g. pad(x, {{0, 0}, {1, 2}}). dx is the part of dy that x was. Error unless there is one
/// pair of widths an axis and none is negative.
Variable pad(const Variable& x, const std::vector<PadWidths>& widths, double value = 0);

}  // namespace xtape
