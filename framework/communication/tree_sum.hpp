// TreeSum: a sum in a fixed order, which communicators also use for sums over ranks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The sum of tensors of one shape and type in a fixed order: adjacent pairs, level by level, where an odd one is
/// carried up: ((x0 + x1) + (x2 + x3)) + x4. It keeps one partial sum for each level.
///
/// If each of R ranks adds the same number of terms, which is a power of 2, and a communicator sums the results, then
/// the bits are those of one TreeSum over all terms in the order of the ranks.
class TreeSum {
 public:
  /// Adds the next term. Error unless shape and type are those of the first term, and for uint8.
  void add(Tensor term);
  /// The number of terms.
  std::int64_t count() const { return count_; }
  /// The sum of the terms so far, and removes them. Error if there are none.
  Tensor take();

 private:
  std::vector<std::pair<int, Tensor>> partial_;  // level and sum, the highest level first
  std::int64_t count_ = 0;
};

/// The sum of these tensors in the order of TreeSum. Error if there are none or they differ in shape or type.
Tensor tree_sum(std::vector<Tensor> terms);

}  // namespace xtape
