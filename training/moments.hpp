// Moments: mean and squared deviations of numbers, without cancellation. Internal to training.
#pragma once

namespace xtape {

/// Count, mean and sum of squared deviations from the mean of some numbers, combined from parts (T. Chan, G. Golub, R.
/// LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979). A number x of weight w is
/// the part {w, x}. A difference of raw moments, sum(x^2) - sum(x)^2 / n, would lose all digits if the mean is large.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// Adds the numbers of another part. Equal numbers give exactly their value as the mean, and the squares 0.
  void add(const Moments& more) {
    if (more.count == 0) return;
    if (count == 0) {
      *this = more;
      return;
    }
    const double sum = count + more.count, difference = more.mean - mean;
    squares += more.squares + difference * difference * count * (more.count / sum);
    mean += difference * (more.count / sum);
    count = sum;
  }
};

}  // namespace xtape
