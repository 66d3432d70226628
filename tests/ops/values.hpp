// Random arrays, and the values of variables.
#pragma once

#include <vector>

#include "framework/autograd/variable.hpp"
#include "framework/tensor/random.hpp"

namespace xtape::test {

/// Normal float64 numbers.
inline Tensor normal(const Shape& shape, std::uint64_t seed) {
  return RandomStream(seed).normal(shape, 0, 1, DType::float64);
}

/// The elements of a variable, row by row.
inline std::vector<double> values_of(const Variable& x) { return x.value().to_vector(); }

}  // namespace xtape::test
