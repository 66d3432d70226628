// Batch normalization over rows of channels: x is (rows, channels), statistics have one value a channel.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// Mean and (biased) variance of each channel. Sums are kept in double and added in a fixed order.
template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, T* mean, T* variance);

/// y = x * scale + shift, a scale and a shift for each channel.
template <class T>
void scale_and_shift(std::int64_t rows, std::int64_t channels, const T* x, const T* scale, const T* shift, T* y);

/// dgamma = sum of dy * (x - mean) * inverse_deviation and dbeta = sum of dy, for each channel.
template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const T* mean,
                     const T* inverse_deviation, T* dgamma, T* dbeta);

/// dx = gamma * inverse_deviation * (dy - dbeta / rows - (x - mean) * inverse_deviation * dgamma / rows).
template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const T* mean,
                               const T* inverse_deviation, const T* gamma, const T* dgamma, const T* dbeta, T* dx);

}  // namespace xtape::kernels
