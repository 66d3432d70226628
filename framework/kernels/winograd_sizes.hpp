// Sizes of values, from which kernels/winograd_range.cpp decides. Internal to kernels/.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

namespace xtape::kernels::winograd {

/// |x| as an integer, which orders numbers by size and puts infinity and then NaN above them.
template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;

template <class T>
Bits<T> magnitude(T x) {
  return std::bit_cast<Bits<T>>(x) & std::numeric_limits<Bits<T>>::max();  // all but the sign
}

template <class T>
Bits<T> largest(const T* values, std::int64_t count) {
  Bits<T> most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, magnitude(values[i]));
  return most;
}

/// The sizes of values that are not zero: none if most is 0.
struct Range {
  double least = HUGE_VAL, most = 0;

  void add(double size) {
    if (size > 0) least = std::min(least, size);
    most = std::max(most, size);
  }
};

/// Whether sums of products of `gain` times the sizes a and b are in the range of T, and the products large enough for
/// sums of `terms` of them.
template <class T>
bool products_in_range(const Range& a, const Range& b, double gain, double terms) {
  if (a.most == 0 || b.most == 0) return true;
  constexpr double most = std::numeric_limits<T>::max(), least = 2048 * std::numeric_limits<T>::min();
  return gain * (a.most * b.most) <= most && a.least * b.least >= least * terms;
}

/// How far the nonzero values of an image lie apart, in each channel and in all.
template <class T>
class Spread {
 public:
  explicit Spread(std::int64_t channels)
      : most_(static_cast<std::size_t>(channels)), sums_(most_.size()), counts_(most_.size()) {}

  void clear() {
    for (std::vector<Bits<T>>* all : {&most_, &sums_, &counts_}) std::ranges::fill(*all, 0);
  }

  /// Also the size of the largest value of the pixel.
  Bits<T> add(const T* pixel) {
    Bits<T> largest = 0;
    Bits<T>*most = most_.data(), *sums = sums_.data(), *counts = counts_.data();
    const auto channels = std::ssize(most_);
    for (std::int64_t c = 0; c < channels; ++c) {
      const Bits<T> size = magnitude(pixel[c]);
      most[c] = std::max(most[c], size);
      sums[c] += size >> mantissa;
      counts[c] += size != 0;
      largest = std::max(largest, size);
    }
    return largest;
  }

  bool even() const {
    const auto total = [](const auto& all) { return std::accumulate(all.begin(), all.end(), std::int64_t{0}); };
    bool even = one_size(*std::ranges::max_element(most_), total(sums_), total(counts_));
    for (std::size_t c = 0; c < most_.size(); ++c) even = even && one_size(most_[c], sums_[c], counts_[c]);
    return even;
  }

  static constexpr std::int64_t most_pixels = 1 << 22;  // whose exponents have a sum in 32 bits

 private:
  static constexpr std::int64_t allowed_exponents = 20;
  static constexpr int mantissa = std::numeric_limits<T>::digits - 1;
  static bool one_size(Bits<T> most, std::int64_t sum, std::int64_t count) {
    return ((most >> mantissa) - allowed_exponents) * count <= sum;
  }
  std::vector<Bits<T>> most_, sums_, counts_;  // of nonzero values: the largest, the sum of exponents, how many
};

}  // namespace xtape::kernels::winograd
