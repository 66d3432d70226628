// Draw: random configurations, which depend only on the seed.
#pragma once

#include <random>
#include <vector>

#include "framework/tensor/random.hpp"

namespace xtape::peer {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}

  /// A uniformly distributed integer among low, low + 1, ..., high.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool coin() { return integer(0, 1) == 1; }

  /// A shape with `least` to `most` axes of 1 to `longest` elements.
  Shape shape(std::int64_t least, std::int64_t most, std::int64_t longest) {
    std::vector<std::int64_t> extents(static_cast<std::size_t>(integer(least, most)));
    for (auto& extent : extents) extent = integer(1, longest);
    return Shape(extents);
  }
  /// A shape that broadcasts to the given shape: some leading axes are missing, some others have extent 1.
  Shape broadcastable_to(const Shape& shape) {
    const auto left_out = coin() ? integer(0, shape.rank()) : 0;
    std::vector<std::int64_t> extents(shape.begin() + left_out, shape.end());
    for (auto& extent : extents) extent = integer(0, 3) == 0 ? 1 : extent;
    return Shape(extents);
  }

  Tensor normal(const Shape& shape, double mean = 0, double deviation = 1) {
    return RandomStream(engine_()).normal(shape, mean, deviation, DType::float64);
  }
  Tensor uniform(const Shape& shape, double low, double high) {
    return RandomStream(engine_()).uniform(shape, low, high, DType::float64);
  }
  /// Integers from low to high, so that some elements are equal and some are exactly at kinks.
  Tensor whole_numbers(const Shape& shape, std::int64_t low, std::int64_t high) {
    std::vector<double> values(static_cast<std::size_t>(shape.size()));
    for (double& value : values) value = static_cast<double>(integer(low, high));
    return Tensor::of(shape, values, DType::float64);
  }
  /// Class numbers in [0, classes).
  Tensor labels(std::int64_t count, std::int64_t classes) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = integer(0, classes - 1);
    return Tensor::labels(values);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace xtape::peer
