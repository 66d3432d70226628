#include <algorithm>
#include <cmath>
#include <type_traits>

#include "framework/kernels/normalization/batch_norm.hpp"
#include "framework/kernels/normalization/channel_sums.hpp"

namespace xtape::kernels {
namespace {

/// The type of the second attempt, when sums in T overflow or lose digits.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

/// Adds x - origin and its square to the sums of each channel, for `count` rows: 4 or 1.
template <std::int64_t count, class C, class T>
void add_deviations(std::int64_t channels, const T* x, const C* origin, C* sum, C* square) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto deviation = [&](std::int64_t row) { return static_cast<C>(x[row * channels + c]) - origin[c]; };
    if constexpr (count == 4) {
      const C d0 = deviation(0), d1 = deviation(1), d2 = deviation(2), d3 = deviation(3);
      sum[c] += (d0 + d1) + (d2 + d3);
      square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    } else {
      const C d = deviation(0);
      sum[c] += d;
      square[c] += d * d;
    }
  }
}

/// The rounding error of a sum: a + b - sum, where sum is a + b rounded to double. 0 if sum is not finite. Knuth: The
/// Art of Computer Programming, volume 2, section 4.2.2, theorem B.
template <class Sum>
double rest_of_sum(Sum a, Sum b, double sum) {
  if (!std::isfinite(sum)) return 0;
  const Sum of_b = sum - a, of_a = sum - of_b;
  return static_cast<double>((a - of_a) + (b - of_b));
}

/// Computes mean and deviation from sums of x - origin, so that a mean far from zero costs no digits. Returns false if
/// a sum is not finite, or if the origin is too many deviations away from the mean for an accurate variance.
template <class C, class T>
bool moments_around(const C* origin, std::int64_t rows, std::int64_t channels, const T* x, double* mean,
                    double* deviation, double* rest) {
  using Sum = std::common_type_t<double, C>;
  const Workspace<Sum> totals(2 * channels);
  bool sound =
      two_channel_sums<C, 4>(rows, channels, totals.data(), [&](std::int64_t row, C* sum, C* square, auto count) {
        add_deviations<count()>(channels, x + row * channels, origin, sum, square);
      });
  const auto n = static_cast<Sum>(std::max<std::int64_t>(rows, 1));
  for (std::int64_t c = 0; c < channels; ++c) {
    const Sum shifted = totals[c] / n;
    const Sum variance = totals[channels + c] / n - shifted * shifted;
    mean[c] = static_cast<double>(static_cast<Sum>(origin[c]) + shifted);
    if (rest) rest[c] = rest_of_sum(static_cast<Sum>(origin[c]), shifted, mean[c]);
    deviation[c] = static_cast<double>(std::sqrt(variance < 0 ? Sum{0} : variance));
    sound = sound && shifted * shifted <= 64 * variance;
  }
  return sound;
}

}  // namespace

template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, double* mean, double* deviation,
                     double* rest) {
  if (moments_around(x, rows, channels, x, mean, deviation, rest)) return;
  const Workspace<Wide<T>> origin(channels);
  for (std::int64_t c = 0; c < channels; ++c) origin[c] = std::isfinite(mean[c]) ? mean[c] : x[c];
  moments_around(origin.data(), rows, channels, x, mean, deviation, rest);
}

template void channel_moments(std::int64_t, std::int64_t, const float*, double*, double*, double*);
template void channel_moments(std::int64_t, std::int64_t, const double*, double*, double*, double*);

}  // namespace xtape::kernels
