// Sums by their definition, with the error that a computation in finite precision may make.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace xtape::reference {

/// A sum of terms in long double, whose 64 bits make its own rounding a 2048th of double's.
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

/// What a sum of products of T, added up in T in any order, may be off. With k terms and the unit roundoff u it is
/// - certainly at most (k + 4) u sum|terms|: k roundings of partial sums, none larger than sum|terms|, and those within
///   a term (Higham: Accuracy and Stability of Numerical Algorithms, 3.1). And where signs are random
/// - with certainty for all we shall see 8 sqrt(k + 4) u sqrt(sum terms^2): the partial sums of terms of random signs
///   are about sqrt(sum terms^2), and k roundings of them add up as a random walk of standard deviation below
///   sqrt(k) u / sqrt(3) times that. The factor of 8 makes it 14 deviations.
/// In float32 the second is what shows one term of thousands being wrong; in float64 both lie far below 1e-12
/// sum|terms| for all k up to 10^4 and 10^7. A fast algorithm that multiplies sums (Strassen, Winograd) keeps neither.
template <class T>
double allowed(const Exact& sum) {
  const long double u = std::numeric_limits<T>::epsilon() / 2;
  const auto k = static_cast<long double>(sum.terms + 4);
  return static_cast<double>(u * std::min(k * sum.magnitude, 8 * std::sqrt(k * sum.squares)));
}

/// The same where all terms may have one sign, so that partial sums are as large as sum|terms|.
template <class T>
double allowed_of_one_sign(const Exact& sum) {
  const long double u = std::numeric_limits<T>::epsilon() / 2;
  const auto k = static_cast<long double>(sum.terms + 4);
  return static_cast<double>(u * std::min(k, 8 * std::sqrt(k)) * sum.magnitude);
}

}  // namespace xtape::reference
