// Batch normalization's kernels by their definitions, one channel or one element at a time.
#pragma once

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

template <class T>
Exact scale_and_shift(std::int64_t channels, const T* x, const T* scale, const T* shift, std::int64_t element) {
  const std::int64_t c = element % channels;
  Exact sum;
  sum.add(static_cast<long double>(x[element]) * scale[c]);
  sum.add(shift[c]);
  return sum;
}

template <class T>
Exact batch_norm_dgamma(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const T* mean,
                        const T* inverse_deviation, std::int64_t channel) {
  Exact sum;
  for (std::int64_t i = channel; i < rows * channels; i += channels) {
    sum.add((static_cast<long double>(x[i]) - mean[channel]) * dy[i]);
  }
  return sum.times(inverse_deviation[channel]);
}

template <class T>
Exact batch_norm_dbeta(std::int64_t rows, std::int64_t channels, const T* dy, std::int64_t channel) {
  Exact sum;
  for (std::int64_t i = channel; i < rows * channels; i += channels) sum.add(dy[i]);
  return sum;
}

template <class T>
Exact batch_norm_input_gradient(std::int64_t channels, const T* x, const T* dy, const T* mean, const T* scale,
                                const T* slope, const T* offset, std::int64_t element) {
  const std::int64_t c = element % channels;
  Exact sum;
  sum.add(static_cast<long double>(scale[c]) * dy[element]);
  sum.add(static_cast<long double>(slope[c]) * (static_cast<long double>(x[element]) - mean[c]));
  sum.add(offset[c]);
  return sum;
}

}  // namespace xtape::reference
