#include "framework/tensor/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <numeric>

#include "framework/kernels/threads/parallel.hpp"

namespace xtape {
namespace {

using Block = std::array<std::uint32_t, 4>;

struct Product {
  std::uint32_t high, low;
};
Product multiply(std::uint32_t a, std::uint32_t b) {
  const std::uint64_t product = std::uint64_t{a} * b;
  return {static_cast<std::uint32_t>(product >> 32), static_cast<std::uint32_t>(product)};
}

Block block_at(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                    {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

/// A number in [0, 1) from the low 23 bits, as in TensorFlow.
float unit(std::uint32_t bits) { return std::bit_cast<float>(0x3F800000U | (bits & 0x7FFFFFU)) - 1.0F; }
/// A number in [0, 1) from the low 20 bits of `high` and all bits of `low`, as in TensorFlow.
double unit(std::uint32_t high, std::uint32_t low) {
  return std::bit_cast<double>(0x3FF0000000000000U | std::uint64_t{high & 0xFFFFFU} << 32 | low) - 1.0;
}

/// The uniform numbers in [0, 1) from one block: four floats or two doubles.
std::array<float, 4> units(const Block& b, float) { return {unit(b[0]), unit(b[1]), unit(b[2]), unit(b[3])}; }
std::array<double, 2> units(const Block& b, double) { return {unit(b[0], b[1]), unit(b[2], b[3])}; }

/// Writes n values generated from consecutive blocks. `make` converts a block to an array of values.
template <class T, class Make>
void generate(T* out, std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t first, const Make& make) {
  constexpr auto per_block = static_cast<std::int64_t>(sizeof(make(Block{})) / sizeof(T));
  const std::int64_t blocks = (n + per_block - 1) / per_block;
  kernels::parallel_for(blocks, 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto values = make(block_at(seed, stream, first + static_cast<std::uint64_t>(i)));
      std::copy_n(values.begin(), std::min(per_block, n - i * per_block), out + i * per_block);
    }
  });
}

std::uint64_t blocks_for(std::int64_t n, DType dtype) {
  const std::int64_t per_block = dtype == DType::float64 ? 2 : 4;
  return static_cast<std::uint64_t>((n + per_block - 1) / per_block);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(Block counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const Product p = multiply(0xD2511F53U, counter[0]);
    const Product q = multiply(0xCD9E8D57U, counter[2]);
    counter = {q.high ^ counter[1] ^ key[0], q.low, p.high ^ counter[3] ^ key[1], p.low};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

Tensor RandomStream::uniform(const Shape& shape, double low, double high, DType dtype) {
  Tensor result = Tensor::empty(shape, dtype);
  with_floating("RandomStream::uniform", dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto offset = static_cast<T>(low);
    const auto range = static_cast<T>(high) - offset;
    generate(result.mutable_data<T>(), shape.size(), seed_, stream_, blocks_, [&](const Block& block) {
      auto values = units(block, T{});
      for (T& u : values) u = u * range + offset;
      return values;
    });
  });
  blocks_ += blocks_for(shape.size(), dtype);
  return result;
}

Tensor RandomStream::normal(const Shape& shape, double mean, double deviation, DType dtype) {
  Tensor result = Tensor::empty(shape, dtype);
  with_floating("RandomStream::normal", dtype, [&](auto zero) {
    using T = decltype(zero);
    generate(result.mutable_data<T>(), shape.size(), seed_, stream_, blocks_, [&](const Block& block) {
      auto values = units(block, T{});
      for (std::size_t i = 0; i < values.size(); i += 2) {  // Box-Muller transform of a pair
        const T radius = std::sqrt(T{-2} * std::log(std::max(values[i], static_cast<T>(1e-7))));
        const T angle = T{2} * std::numbers::pi_v<T> * values[i + 1];
        values[i] = static_cast<T>(mean) + static_cast<T>(deviation) * radius * std::sin(angle);
        values[i + 1] = static_cast<T>(mean) + static_cast<T>(deviation) * radius * std::cos(angle);
      }
      return values;
    });
  });
  blocks_ += blocks_for(shape.size(), dtype);
  return result;
}

std::vector<std::int64_t> RandomStream::permutation(std::int64_t n) {
  check(n <= std::int64_t{1} << 40, "RandomStream::permutation: expected at most 2^40 numbers, got {}", n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(std::max<std::int64_t>(n, 0)));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::int64_t i = n - 1; i > 0; --i) {
    const Block block = block_at(seed_, stream_, blocks_++);
    const std::uint64_t bits = std::uint64_t{block[1]} << 32 | block[0];
    const auto j =
        static_cast<std::size_t>(bits % static_cast<std::uint64_t>(i + 1));  // the bias is less than n / 2^64
    std::swap(order[static_cast<std::size_t>(i)], order[j]);
  }
  return order;
}

}  // namespace xtape
