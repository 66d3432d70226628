// Statistics of the sizes |x| of values, for the decisions in winograd_range.cpp. Internal to kernels/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "framework/kernels/convolution/winograd.hpp"
#include "framework/kernels/simd/engine.hpp"

namespace xtape::kernels::winograd {

/// Whether products of values with the sizes a and b stay in the range of T: `gain` times the largest product must not
/// overflow, and the smallest product must be so large that underflow in a sum of `terms` products is negligible.
template <class T>
bool products_in_range(const SizeRange& a, const SizeRange& b, double gain, double terms) {
  if (a.most == 0 || b.most == 0) return true;
  constexpr double most = std::numeric_limits<T>::max(), least = 2048 * std::numeric_limits<T>::min();
  return gain * (a.most * b.most) <= most && a.least * b.least >= least * terms;
}

/// The spread of the nonzero sizes of an image or another matrix (pixels, channels), in each channel and in total.
template <class T>
class Spread {
 public:
  explicit Spread(std::int64_t channels)
      : most_(static_cast<std::size_t>(channels)), exponents_(most_.size()), nonzero_(most_.size()) {}

  void clear() {
    for (std::vector<SizeBits<T>>* all : {&most_, &exponents_, &nonzero_}) std::ranges::fill(*all, 0);
  }

  /// Adds `count` pixels, and writes the size of each, the largest |x| of its channels, to `of_pixels`.
  void add(const Engine<T>& engine, const T* pixels, std::int64_t count, SizeBits<T>* of_pixels) {
    const ColumnSizes<T> channels{std::ssize(most_), most_.data(), exponents_.data(), nonzero_.data()};
    engine.measure(pixels, count, channels, of_pixels);
  }

  /// Whether the largest size, in each channel and in total, is at most 2^20 times the geometric mean of the nonzero
  /// sizes. Computed from exponents.
  bool even() const {
    const auto total = [](const auto& all) { return std::accumulate(all.begin(), all.end(), std::int64_t{0}); };
    bool even = one_size(*std::ranges::max_element(most_), total(exponents_), total(nonzero_));
    for (std::size_t c = 0; c < most_.size(); ++c) even = even && one_size(most_[c], exponents_[c], nonzero_[c]);
    return even;
  }

  /// The largest size in each channel.
  const std::vector<SizeBits<T>>& most() const { return most_; }

  static constexpr std::int64_t most_pixels = 1 << 22;  // the sum of so many exponents fits in 32 bits

 private:
  static constexpr std::int64_t allowed_exponents = 20;
  static constexpr int mantissa = std::numeric_limits<T>::digits - 1;
  static bool one_size(SizeBits<T> most, std::int64_t sum, std::int64_t count) {
    return ((most >> mantissa) - allowed_exponents) * count <= sum;
  }
  std::vector<SizeBits<T>> most_, exponents_, nonzero_;
};

}  // namespace xtape::kernels::winograd
