// The sum of exponentials that softmax and its losses share.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace xtape {

/// Of n elements `step` apart the maximum, and the sum of e^(x - maximum), 1 + rest, in double. The first maximum's own
/// 1 is kept apart, so that ln(1 + rest) has all digits of a small rest. Without a limit, NaN: when an element is NaN,
/// when all of several are -inf, or several are +inf.
struct ExponentialSum {
  std::int64_t first = 0;  ///< where the maximum is
  double maximum, rest = 0;

  template <class T>
  ExponentialSum(const T* x, std::int64_t n, std::int64_t step) {
    for (std::int64_t i = 1; i < n; ++i) first = x[i * step] > x[first * step] ? i : first;
    maximum = static_cast<double>(x[first * step]);
    for (std::int64_t i = 0; i < n; ++i) rest += i == first ? 0 : std::exp(difference(x[i * step]));
    if (std::isinf(maximum) && rest != 0) rest = std::numeric_limits<double>::quiet_NaN();
  }

  /// x - maximum, 0 at an infinite maximum.
  template <class T>
  double difference(T x) const {
    return static_cast<double>(x) == maximum ? 0 : static_cast<double>(x) - maximum;
  }
  /// e^x / (sum of e^x).
  template <class T>
  double share(T x) const {
    return std::exp(difference(x)) / (1 + rest);
  }
};

}  // namespace xtape
