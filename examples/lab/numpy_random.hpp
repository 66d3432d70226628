// NumPy's legacy random numbers: np.random.seed and np.random.randn.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "framework/tensor/tensor.hpp"

namespace xtape::lab {

/// The stream of np.random.seed(seed): the 32-bit Mersenne Twister (Matsumoto and Nishimura, 1998), seeded with one
/// number as std::mt19937 is.
class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : twister_(seed) {}

  /// Uniform in [0, 1) with 53 random bits: (27 bits of a) 2^26 + (26 bits of b) over 2^53 from two outputs a, b.
  double uniform();
  /// Standard normal by Marsaglia's polar method, which computes two numbers: the second is returned by the next call.
  double normal();
  /// np.random.randn: normals in row-major order, float64.
  Tensor randn(const Shape& shape);

 private:
  std::mt19937 twister_;
  std::optional<double> kept_;
};

}  // namespace xtape::lab
