// Batch normalization (Ioffe and Szegedy, ICML 2015) over the last axis: each channel is brought to mean 0, variance 1.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// What batch_norm gives: the output, and the batch's own statistics for a moving average.
struct BatchNormResult {
  Variable y;
  Tensor mean;      ///< (channels)
  Tensor variance;  ///< (channels), biased: the mean squared deviation
};

/// Training: y = gamma (x - m) / sqrt(v + epsilon) + beta, with mean m and biased variance v of each channel over all
/// other axes of this batch, through which the derivative flows too. x (..., channels), gamma and beta (channels).
/// Saves x, gamma and the statistics. Error when the shapes differ or x has no element.
BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon);

/// Inference: the same with given statistics, which are constants.
Variable batch_norm_inference(const Variable& x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon);

}  // namespace xtape
