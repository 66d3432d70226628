// Kernels of batch normalization and its backward pass. x, y and their gradients are (rows, channels); statistics and
// coefficients have one value per channel. T is float or double. Results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace xtape::kernels {

/// Computes the mean and the biased standard deviation of each channel. Sums are accumulated in double in a fixed
/// order, so both are correct for every finite float x, even where squares or sums exceed the range of float. Unless
/// `rest` is null, it receives the rounding error of each mean: mean + rest is the mean before it was rounded to
/// double.
template <class T>
void channel_moments(std::int64_t rows, std::int64_t channels, const T* x, double* mean, double* deviation,
                     double* rest = nullptr);

/// The coefficients of a normalization, per channel: y = gamma (x + bias - mean) inverse_deviation + beta. The mean is
/// subtracted before anything is multiplied, so a value equal to the mean becomes exactly beta. The part of the mean
/// that T cannot represent is subtracted through beta.
template <class T>
struct Normalization {
  const double *mean, *inverse_deviation;
  const T *gamma, *beta;
  const T* bias = nullptr;            // null: no bias
  const double* mean_rest = nullptr;  // rounding error of the mean, as channel_moments gives it; null: 0
};

/// What normalize does after the normalization: it adds `residual` (rows, channels) unless that is null, and then, if
/// `rectifies`, applies min(max(., 0), most). NaN stays NaN.
template <class T>
struct Epilogue {
  const T* residual = nullptr;
  bool rectifies = false;
  T most = std::numeric_limits<T>::infinity();
};

/// Writes the normalization of x, followed by the epilogue, to y. y may be x.
template <class T>
void normalize(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
               const Epilogue<T>& epilogue, T* y);

/// normalize(), prepared to be applied in place to parts of an array y (rows, channels), with the same bits. Internal
/// to the library. It refers to `epilogue.residual`.
template <class T>
class PartNormalizer {
 public:
  PartNormalizer(std::int64_t channels, const Normalization<T>& normalization, const Epilogue<T>& epilogue, const T* y);
  /// Whether the range of T suffices for the coefficients. Otherwise only normalize() may be used.
  bool usable() const { return usable_; }
  /// Normalizes channels [first, first + columns) of `count` rows of y; rows[i] is the address of the first of them.
  void operator()(T* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) const;

 private:
  std::vector<T> bias_, mean_, scale_, shift_;
  Epilogue<T> epilogue_;
  const T* y_;
  bool usable_;
};

/// The ReLU mask of the backward pass: which elements of dy = dL/dy pass through min(max(., 0), most) to the
/// normalization.
///   all     every element: there was no max(., 0)
///   output  those where `output` (rows, channels), the result of the forward pass, is positive and below `most`
///   again   those where the normalization of x, recomputed here, is positive and below `most`
/// If `most` is infinite, infinity passes.
template <class T>
struct Passing {
  enum class Mask { all, output, again } mask = Mask::all;
  const T* output = nullptr;
  T most = std::numeric_limits<T>::infinity();
};

/// Computes, for each channel, dgamma = sum of d (x + bias - mean) inverse_deviation and dbeta = sum of d, where d is
/// dy at the elements that pass the mask and 0 elsewhere. Unless `passed` is null, writes d to it; `passed` may be dy.
template <class T>
void batch_norm_sums(std::int64_t rows, std::int64_t channels, const T* x, const T* dy, const Passing<T>& passing,
                     const Normalization<T>& normalization, double* dgamma, double* dbeta, T* passed);

/// Computes dx = gamma inverse_deviation (d - (x + bias - mean) inverse_deviation dgamma / rows - dbeta / rows) for
/// each channel, with d as in batch_norm_sums. If dgamma and dbeta are null, mean and deviation are constants, as in
/// inference, and dx = gamma inverse_deviation d. dx may be dy or x.
template <class T>
void batch_norm_input_gradient(std::int64_t rows, std::int64_t channels, const T* x, const T* dy,
                               const Passing<T>& passing, const Normalization<T>& normalization, const double* dgamma,
                               const double* dbeta, T* dx);

}  // namespace xtape::kernels
