// Norms of tensors whose squares may leave the range of float64.
#pragma once

#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The sum of the squares of x / unit, where unit is a power of 2, accumulated in double. The division into pieces does
/// not depend on the number of threads.
double sum_of_squares(const Tensor& x, double unit);

/// The norm of all elements of the tensors together: the square root of the sum of their squares, also if these leave
/// the range of float64.
double norm_of(const std::vector<Tensor>& tensors);

}  // namespace xtape
