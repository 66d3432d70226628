// An exponential function in loops that the compiler vectorizes, and the logistic function. Internal to framework/ops.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace xtape {

/// e^x, correct to 0.6 units in the last place; NaN for NaN. The result is 2^n e^r with |r| <= ln(2) / 2: e^r is a
/// Taylor polynomial in double, and adding 1.5 * 2^52 rounds n to an integer in the low bits of the sum.
inline float fast_exp(float x) {
  constexpr double log2_e = 1.4426950408889634, ln_2 = 0.6931471805599453, rounding = 0x1.8p52;
  const double limited = x < -200 ? -200.0 : x > 200 ? 200.0 : static_cast<double>(x);  // beyond the range of float
  const double sum = limited * log2_e + rounding;
  const double r = limited - (sum - rounding) * ln_2, s = r * r;
  const double low = 1 + r + s * (1.0 / 2 + r / 6), high = 1.0 / 24 + r / 120 + s * (1.0 / 720 + r / 5040);
  const double power = std::bit_cast<double>((std::bit_cast<std::uint64_t>(sum) << 52) + (std::uint64_t{1023} << 52));
  return static_cast<float>((low + s * s * high) * power);
}
inline double fast_exp(double x) { return std::exp(x); }

/// 1 / (1 + e^-x), computed from e^-|x|, which does not overflow.
template <class T>
T logistic(T x) {
  const T e = fast_exp(-std::abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

}  // namespace xtape
