// Batch normalization over rows of channels: x is (rows, channels), statistics have one value a channel.
#pragma once

#include <cstdint>

namespace xtape::kernels {

/// Mean and (biased) standard deviation of each channel. Sums are kept in double and added in a fixed order. Both are
/// right for all finite x of float, also where squares or sums exceed the range of float. `rest` unless null: what a
/// mean's rounding to double has left out.
template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, double* mean, double* deviation,
                     double* rest = nullptr);

/// The normalization of each channel: y = gamma (x + bias - mean) inverse_deviation + beta. The mean is subtracted
/// first, so what equals the mean becomes exactly beta; what T cannot hold of the mean is made up for in beta.
template <class T>
struct Normalization {
  const double *mean, *inverse_deviation;
  const T *gamma, *beta;
  const T* bias = nullptr;            // none if null
  const double* mean_rest = nullptr;  // to be added to the mean; 0 if null
};

/// What normalize does to an element after that: adds one of the residual (rows, channels) unless it is null, then
/// takes max(., 0), which keeps NaN, when it rectifies.
template <class T>
struct Epilogue {
  const T* residual = nullptr;
  bool rectifies = false;
};

/// y = the normalization of x, and the epilogue. y may be x.
template <class T>
void normalize(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
               const Epilogue<T>& epilogue, T* y);

/// Which elements of dy = dL/dy reach the normalization through max(., 0): those where `output` (rows, channels) is
/// above 0, those where the normalization of x, computed again, is, or all.
template <class T>
struct Passing {
  enum class Mask { all, output, again } mask = Mask::all;
  const T* output = nullptr;
};

/// dgamma = sum of d (x + bias - mean) inverse_deviation and dbeta = sum of d, for each channel, where d is dy at the
/// elements that pass and 0 at the others. Unless `passed` is null, d is written to it; it may be dy.
template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const Passing<T>& passing,
                     const Normalization<T>& normalization, double* dgamma, double* dbeta, T* passed);

/// dx = gamma inverse_deviation (d - (x + bias - mean) inverse_deviation dgamma / rows - dbeta / rows) for each
/// channel, with d as above; without the two subtractions if dgamma and dbeta are null, for a mean and a deviation that
/// are constants. dx may be dy or x.
template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                               const Passing<T>& passing, const Normalization<T>& normalization, const double* dgamma,
                               const double* dbeta, T* dx);

}  // namespace xtape::kernels
