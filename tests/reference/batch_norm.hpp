// The kernels of batch normalization by their definitions, one channel or one element at a time.
#pragma once

#include "framework/kernels/normalization/batch_norm.hpp"
#include "tests/reference/exact.hpp"

namespace xtape::reference {

struct Moments {
  long double mean = 0, variance = 0, farthest = 0;  ///< farthest: the largest distance of an x from the mean
};

template <class T>
Moments channel_moments(std::int64_t rows, std::int64_t channels, const T* x, std::int64_t channel) {
  Moments m;
  for (std::int64_t row = 0; row < rows; ++row) m.mean += x[row * channels + channel];
  m.mean /= static_cast<long double>(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    const long double deviation = x[row * channels + channel] - m.mean;
    m.variance += deviation * deviation;
    m.farthest = std::max(m.farthest, std::abs(deviation));
  }
  m.variance /= static_cast<long double>(rows);
  return m;
}

/// x + bias - mean of an element. The sum with a bias is rounded to T, as by a separate op.
template <class T>
long double centered(std::int64_t channels, const T* x, const kernels::Normalization<T>& n, std::int64_t element) {
  const std::int64_t c = element % channels;
  const T shifted = n.bias ? static_cast<T>(x[element] + n.bias[c]) : x[element];
  return static_cast<long double>(shifted) - n.mean[c];
}

template <class T>
Exact normalize(std::int64_t channels, const T* x, const kernels::Normalization<T>& n, std::int64_t element) {
  const std::int64_t c = element % channels;
  Exact sum;
  sum.add(centered(channels, x, n, element) * n.inverse_deviation[c] * n.gamma[c]);
  sum.add(n.beta[c]);
  return sum;
}

template <class T>
Exact batch_norm_dgamma(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                        const kernels::Normalization<T>& n, std::int64_t channel) {
  Exact sum;
  for (std::int64_t i = channel; i < rows * channels; i += channels) sum.add(centered(channels, x, n, i) * dy[i]);
  return sum.times(n.inverse_deviation[channel]);
}

template <class T>
Exact batch_norm_dbeta(std::int64_t rows, std::int64_t channels, const T* dy, std::int64_t channel) {
  Exact sum;
  for (std::int64_t i = channel; i < rows * channels; i += channels) sum.add(dy[i]);
  return sum;
}

/// The derivative; without the sums dgamma and dbeta if they are null.
template <class T>
Exact batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                                const kernels::Normalization<T>& n, const double* dgamma, const double* dbeta,
                                std::int64_t element) {
  const std::int64_t c = element % channels;
  Exact sum;
  sum.add(dy[element]);
  if (dgamma) {
    const auto count = static_cast<long double>(rows);
    sum.add(-centered(channels, x, n, element) * n.inverse_deviation[c] * dgamma[c] / count);
    sum.add(-dbeta[c] / count);
  }
  return sum.times(static_cast<long double>(n.gamma[c]) * n.inverse_deviation[c]);
}

}  // namespace xtape::reference
