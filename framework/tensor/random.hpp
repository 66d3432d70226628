// Counter-based random numbers: the same whatever the number of threads, and the same as TensorFlow's for the same
// seeds.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Four 32-bit random numbers of Philox4x32-10 for a key and a counter (Salmon, Moraes, Dror, Shaw: Parallel random
/// numbers: as easy as 1, 2, 3. SC 2011).
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A stream of random numbers: `seed` is the key of Philox4x32-10, `stream` the upper half of its counter, so streams
/// never overlap. Each call goes on where the one before ended. Values equal those of TensorFlow's stateful generators
/// for graph seed `seed` and op seed `stream`.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// Uniform in [low, high]; rounding may give high itself, as in TensorFlow. [0, 1) exactly for the defaults.
  Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::float32);
  /// Normal with the given mean and standard deviation (Box and Muller, 1958).
  Tensor normal(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = DType::float32);
  /// The numbers 0 ... n-1 in random order (Fisher and Yates).
  std::vector<std::int64_t> permutation(std::int64_t n);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t blocks_ = 0;  // blocks of four numbers used so far
};

}  // namespace xtape
