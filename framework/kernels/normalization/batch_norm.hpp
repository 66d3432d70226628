// Kernels of batch normalization and its backward pass. x, y and their gradients are (rows, channels); statistics and
// coefficients have one value per channel. T is float or double. Results do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "framework/kernels/threads/function_ref.hpp"

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

/// A function of single numbers, which replaces `count` values in place.
template <class T>
using InPlaceFunction = FunctionRef<void(T* values, std::int64_t count)>;

/// What normalize does after the normalization: it adds `residual` (rows, channels) unless that is null; then, if
/// `rectifies`, it applies min(max(., 0), most), where NaN stays NaN; then `function`, unless that is null.
template <class T>
struct Epilogue {
  const T* residual = nullptr;
  bool rectifies = false;
  T most = std::numeric_limits<T>::infinity();
  const InPlaceFunction<T>* function = nullptr;
};

/// Writes the normalization of x, followed by the epilogue, to y. y may be x.
template <class T>
void normalize(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
               const Epilogue<T>& epilogue, T* y);

/// normalize(), prepared to be applied in place to parts of an array y (rows, channels), with the same bits. If
/// `normalization.mean` is null, nothing is normalized: only the bias is added. It refers to the arrays and the
/// function of `epilogue`.
template <class T>
class PartEpilogue {
 public:
  PartEpilogue(std::int64_t channels, const Normalization<T>& normalization, const Epilogue<T>& epilogue, const T* y);
  /// Whether the range of T suffices for the coefficients. Otherwise only normalize() may be used.
  bool usable() const { return usable_; }
  /// Changes channels [first, first + columns) of `count` rows of y; rows[i] is the address of the first of them.
  void operator()(T* const* rows, std::int64_t count, std::int64_t first, std::int64_t columns) const;

 private:
  std::vector<T> bias_, mean_, scale_, shift_;
  Epilogue<T> epilogue_;
  const T* y_;
  bool usable_ = true;
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

/// A derivative of a function of single numbers: replaces `count` derivatives dy with respect to its values by those
/// with respect to its arguments x.
template <class T>
using InPlaceDerivative = FunctionRef<void(const T* x, T* dy, std::int64_t count)>;

/// dz = dL/dz from dy = dL/df(z), where z is the normalization of x plus `residual` (rows, channels), which may be
/// null. z is recomputed. dz may be dy.
template <class T>
void derivative_of_function(std::int64_t rows, std::int64_t channels, const T* x, const Normalization<T>& normalization,
                            const T* residual, const InPlaceDerivative<T>& derivative, const T* dy, T* dz);

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
