// Batch normalization (Ioffe and Szegedy, ICML 2015) over the last axis: each channel is brought to mean 0, variance 1.
#pragma once

#include <optional>

#include "framework/autograd/variable.hpp"

namespace xtape {

/// What batch_norm gives: the output, and the batch's own statistics for a moving average.
struct BatchNormResult {
  Variable y;
  Tensor mean;      ///< (channels)
  Tensor variance;  ///< (channels), biased: the mean squared deviation; the largest number of its type if it exceeds it
};

/// What batch normalization does besides, in the same passes over memory: y = relu(norm(x + bias) + residual). Each
/// part is left out unless asked for.
struct BatchNormFusion {
  std::optional<Variable> bias = std::nullopt;      ///< (channels)
  std::optional<Variable> residual = std::nullopt;  ///< of the shape of x
  bool relu = false;
};

/// Training: y = gamma (x - m) / sqrt(v + epsilon) + beta, with mean m and biased variance v of each channel over all
/// other axes of this batch, through which the derivative flows too. x (..., channels), gamma and beta (channels).
/// The mean is subtracted first: what equals it becomes exactly beta, for a mean of any size. Statistics are computed
/// in float64, so that y is right for all finite x of float32 whose variance exceeds the range of float32. A bias
/// leaves with the mean, so it changes that one and nothing else, and its derivative is 0. Saves x, gamma and the
/// statistics; y too with a residual and relu, which otherwise computes again where y > 0. Error when the shapes or
/// types differ or x has no element.
BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                           const BatchNormFusion& fusion = {});

/// Inference: the same with given statistics, which are constants; a bias is added before the mean is subtracted, to
/// the same bits as by an op of its own. When no derivative is recorded, and the caller gives x away with std::move, y
/// is written over it.
Variable batch_norm_inference(Variable x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon, const BatchNormFusion& fusion = {});

/// x in float64 as another type, finite where x is: what exceeds the range of that type becomes its largest number.
Tensor saturated(const Tensor& x, DType dtype);

}  // namespace xtape
