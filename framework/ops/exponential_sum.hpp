// The sum of exponentials in softmax and in softmax_cross_entropy.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace xtape {

/// The maximum of n elements, `step` apart, and the sum of e^(x - maximum) as 1 + rest, in double. The 1 is the term of
/// the first maximum. It is not added to rest, so that ln(1 + rest) keeps all digits of a small rest. difference() and
/// share() give NaN if an element is NaN, if all of several elements are -inf, or if several are +inf.
struct ExponentialSum {
  std::int64_t first = 0;  ///< index of the first maximum
  double maximum, rest = 0;

  template <class T>
  ExponentialSum(const T* x, std::int64_t n, std::int64_t step) {
    for (std::int64_t i = 1; i < n; ++i) first = x[i * step] > x[first * step] ? i : first;
    maximum = static_cast<double>(x[first * step]);
    for (std::int64_t i = 0; i < n; ++i) rest += i == first ? 0 : std::exp(difference(x[i * step]));
    if (std::isinf(maximum) && rest != 0) rest = std::numeric_limits<double>::quiet_NaN();
  }

  /// x - maximum; 0 if x equals the maximum, even if both are infinite.
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
