// OrderedSum: a sum whose bits do not depend on who computed which part of it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "framework/tensor/elementwise.hpp"

namespace xtape {

/// Adds values in the order of a fixed tree: adjacent pairs, then pairs of these sums, level by level; an odd one is
/// carried up as it is. So 2^k consecutive values from a multiple of 2^k on are one node of the tree, whoever adds them
/// up: the sum over shards has the same bits on any number of ranks. Values come in order, and at most one sum of each
/// level waits for its partner. `add(left, right)` adds the second to the first.
template <class T>
class OrderedSum {
 public:
  /// Adds the next value.
  template <class Add>
  void push(T value, const Add& add) {
    std::size_t size = 1;
    for (; !waiting_.empty() && waiting_.back().first == size; size *= 2) join(value, add);
    waiting_.emplace_back(size, std::move(value));
  }
  /// The sum of all values, of which there is at least one. Afterwards there are none.
  template <class Add>
  T total(const Add& add) {
    T value = std::move(waiting_.back().second);
    waiting_.pop_back();
    while (!waiting_.empty()) join(value, add);
    return value;
  }
  /// Whether there are no values.
  bool empty() const { return waiting_.empty(); }

 private:
  /// Adds the last sum that waits to `value`, which is on its right.
  template <class Add>
  void join(T& value, const Add& add) {
    T left = std::move(waiting_.back().second);
    waiting_.pop_back();
    add(left, value);
    value = std::move(left);
  }

  std::vector<std::pair<std::size_t, T>> waiting_;  // number of values, and their sum
};

/// The sum of these values, at least one.
template <class T, class Add>
T ordered_total(std::vector<T> values, const Add& add) {
  OrderedSum<T> sum;
  for (T& value : values) sum.push(std::move(value), add);
  return sum.total(add);
}

/// left += right, where an undefined tensor is 0. That adds zeros where only one is defined, so that the bits do not
/// depend on where the shards without a value are computed: 0 + -0 is 0.
inline void add_defined(Tensor& left, const Tensor& right) {
  if (!left.defined() && !right.defined()) return;
  if (!left.defined()) left = Tensor::zeros(right.shape(), right.dtype());
  add_into(left, right.defined() ? right : Tensor::zeros(left.shape(), left.dtype()));
}

}  // namespace xtape
