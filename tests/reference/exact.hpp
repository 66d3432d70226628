// Sums by their definition, and the error bound of a computation in finite precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace xtape::reference {

/// A sum of terms in long double, whose rounding error is 1/2048 of that of double.
struct Exact {
  long double value = 0, magnitude = 0, squares = 0;  ///< sums of the terms, of |terms|, of terms^2
  std::int64_t terms = 0;

  void add(long double term) {
    value += term;
    magnitude += std::abs(term);
    squares += term * term;
    ++terms;
  }
  Exact times(long double factor) const {
    return {value * factor, magnitude * std::abs(factor), squares * factor * factor, terms};
  }
};

/// The permitted error of a sum of products of T that is added in T in any order. With k terms and the unit roundoff u
/// the error is
///   - at most (k + 4) u sum|terms|: k rounding errors of partial sums, none larger than sum|terms|, and those within a
///   term
///     (Higham: Accuracy and Stability of Numerical Algorithms, 3.1);
///   - for terms of random signs, with a probability of practically 1, at most 8 sqrt(k + 4) u sqrt(sum terms^2): the
///   partial
///     sums are about sqrt(sum terms^2), and k rounding errors form a random walk with a standard deviation below
///     sqrt(k) u / sqrt(3) times that. The factor of 8 makes it 14 standard deviations.
/// In float32 the second bound detects one wrong term of thousands. In float64 both are far below 1e-12 sum|terms| for
/// all k up to 10^4 and 10^7. A fast algorithm that multiplies sums (Strassen, Winograd) satisfies neither.
template <class T>
double allowed(const Exact& sum) {
  const long double u = std::numeric_limits<T>::epsilon() / 2;
  const auto k = static_cast<long double>(sum.terms + 4);
  return static_cast<double>(u * std::min(k * sum.magnitude, 8 * std::sqrt(k * sum.squares)));
}

/// The bound if all terms may have the same sign, so that partial sums are as large as sum|terms|.
template <class T>
double allowed_of_one_sign(const Exact& sum) {
  const long double u = std::numeric_limits<T>::epsilon() / 2;
  const auto k = static_cast<long double>(sum.terms + 4);
  return static_cast<double>(u * std::min(k, 8 * std::sqrt(k)) * sum.magnitude);
}

}  // namespace xtape::reference
