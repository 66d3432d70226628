// Functions that move elements and do no arithmetic.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The elements of x in another shape. One extent may be -1; it is computed from the others. The result shares the
/// storage of x. dx = dy in the shape of x. Error if the number of elements differs.
Variable reshape(const Variable& x, std::initializer_list<std::int64_t> extents);
/// The elements of x in the given shape. Otherwise as the overload above.
Variable reshape(const Variable& x, const Shape& shape);

/// Axis i of y is axis permutation[i] of x; by default the axes are reversed. dx = dy transposed back. Error unless
/// the permutation contains each axis once.
Variable transpose(const Variable& x, const std::vector<int>& permutation = {});

/// Joins the inputs along an axis. The gradient of each input is its part of dy. Error unless there is an input and all
/// inputs have the same type and the same shape except for that axis.
Variable concatenate(const std::vector<Variable>& inputs, int axis);

/// Joins inputs of the same shape along a new axis. Error as in concatenate.
Variable stack(const std::vector<Variable>& inputs, int axis = 0);

/// The reverse of concatenate: splits x along an axis into parts of the given sizes. Error unless the sizes add up to
/// the extent.
std::vector<Variable> split(const Variable& x, const std::vector<std::int64_t>& sizes, int axis);
/// Splits x along an axis into `parts` parts of equal size. Error unless the number of parts divides the extent.
std::vector<Variable> split(const Variable& x, std::int64_t parts, int axis);

/// Removes the given axes; by default all axes of extent 1. Error if one of the given axes has another extent.
Variable squeeze(const Variable& x, const std::vector<int>& axes = {});

/// Inserts a new axis of extent 1, which is axis `axis` of the result. Error unless -rank - 1 <= axis <= rank.
Variable expand_dims(const Variable& x, int axis);

/// Exchanges two axes of x. Error if one of them does not exist.
Variable swapaxes(const Variable& x, int first, int second);

/// Reverses the order of the elements along the given axes; by default along all axes.
Variable flip(const Variable& x, const std::vector<int>& axes = {});

/// Repeats x as a whole along each axis: a shape (2, 3) and repetitions {2, 1} give (4, 3). Error unless there is one
/// number per axis and each is at least 1.
Variable tile(const Variable& x, const std::vector<std::int64_t>& repetitions);

/// Repeats each element of an axis `times` times in succession: a b becomes a a b b. Error if `times < 1`.
Variable repeat(const Variable& x, std::int64_t times, int axis);

/// Selects elements of an axis by index: y[..., i, j, ...] = x[..., indices[i, j], ...], with the axes of
/// `indices` in place of that axis. Negative indices count from the end: a token -1 that marks padding would select the
/// last row, so give padding a separate row. take(table, tokens, 0) gives the rows of an embedding. dx[k] is the sum
/// of dy over the elements whose index is k. Error unless the indices are int64 and in range.
Variable take(const Variable& x, const Tensor& indices, int axis);

/// One-hot encoding: row i of the result is 1 in column indices[i] and 0 elsewhere. int64 indices of any shape (...)
/// give a result of shape (..., classes). Error if an index is not in [0, classes).
Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype = DType::float32);

/// The numbers of elements that pad adds to an axis.
struct PadWidths {
  std::int64_t before = 0;  ///< number of elements added before the first one
  std::int64_t after = 0;   ///< number of elements added after the last one
};

/// Surrounds x with elements of the given value, for example pad(x, {{0, 0}, {1, 2}}). dx is the part of dy at the
/// position of x. Error unless there is one pair of widths per axis and none is negative.
Variable pad(const Variable& x, const std::vector<PadWidths>& widths, double value = 0);

}  // namespace xtape
