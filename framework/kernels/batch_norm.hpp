// Batch normalization over rows of channels: x is (rows, channels), statistics have one value a channel.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// Mean and (biased) variance of each channel. Sums are kept in double and added in a fixed order.
template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, T* mean, T* variance);

/// What scale_and_shift does to an element after x * scale + shift: adds one of the residual (rows, channels) unless it
/// is null, then takes max(., 0), which keeps NaN, when it rectifies.
template <class T>
struct Epilogue {
  const T* residual = nullptr;
  bool rectifies = false;
};

/// y = x * scale + shift, a scale and a shift for each channel, and the epilogue. y may be x.
template <class T>
void scale_and_shift(std::int64_t rows, std::int64_t channels, const T* x, const T* scale, const T* shift,
                     const Epilogue<T>& epilogue, T* y);

/// Which elements of dy = dL/dy reach the normalization through max(., 0). Those where the output y (rows, channels) is
/// above 0, if it is given; else those where x * scale + shift is, computed again, if scale and shift are given; else
/// all.
template <class T>
struct Passing {
  const T* output = nullptr;
  const T *scale = nullptr, *shift = nullptr;
};

/// dgamma = sum of d * (x - mean) * inverse_deviation and dbeta = sum of d, for each channel, where d is dy at the
/// elements that pass and 0 at the others. Unless `passed` is null, d is written to it; it may be dy.
template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const Passing<T>& passing,
                     const T* mean, const T* inverse_deviation, T* dgamma, T* dbeta, T* passed);

/// dx = scale * d + slope * (x - mean) + offset for each channel, with d as above. dx may be dy or x.
template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                               const Passing<T>& passing, const T* mean, const T* scale, const T* slope,
                               const T* offset, T* dx);

}  // namespace xtape::kernels
