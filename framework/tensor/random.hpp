// Counter-based random numbers. They do not depend on the number of threads, and equal those of TensorFlow for the same
// seeds.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The block of four random numbers that Philox4x32-10 generates for a counter and a key. Salmon, Moraes, Dror, Shaw:
/// Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of random numbers. `seed` is the key of Philox4x32-10 and `stream` the upper half of its counter, so
/// streams of one seed never overlap. Each call begins at the first block that earlier calls have not used. Values
/// equal those of TensorFlow's stateful generators for graph seed `seed` and op seed `stream`.
class RandomStream {
 public:
  /// Starts at the beginning of the stream with this number.
  explicit RandomStream(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// A tensor with uniform values in [low, high). As in TensorFlow, rounding may give `high` itself, but not for the
  /// defaults 0 and 1. Error unless dtype is float32 or float64.
  Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::float32);
  /// A tensor with normal values of the given mean and standard deviation (Box and Muller: A Note on the Generation of
  /// Random Normal Deviates, 1958). Error unless dtype is float32 or float64.
  Tensor normal(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = DType::float32);
  /// A random permutation of the numbers 0 to n - 1; empty unless n is positive. Fisher-Yates shuffle from the last
  /// position i to 1, which exchanges i with a position in [0, i]: the first 64 bits of a new block, modulo i + 1.
  /// Error for more than 2^40 numbers.
  std::vector<std::int64_t> permutation(std::int64_t n);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t blocks_ = 0;  // number of blocks of four numbers used so far
};

}  // namespace xtape
