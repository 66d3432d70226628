// Batch normalization (Ioffe and Szegedy, ICML 2015) over the last axis: each channel is scaled to mean 0 and
// variance 1.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>

#include "framework/autograd/variable.hpp"
#include "framework/tensor/element_function.hpp"

namespace xtape {

/// The result of batch_norm: the output, and the statistics of the batch for a moving average.
struct BatchNormResult {
  Variable y;       ///< output, of the shape of x
  Tensor mean;      ///< (channels)
  Tensor variance;  ///< (channels), biased: the mean squared deviation, limited to the largest number of its type
};

/// Adds up numbers over all passes that compute parts of one batch; see PassOptions::sum_over_batch.
using SumOverBatch = std::function<void(std::span<double> numbers)>;

/// Operations that batch normalization fuses, in the same loops over memory: y = function(norm(x + bias) + residual).
/// Each one is optional; by default all are off. The function is either relu, with or without an upper limit, or given.
struct BatchNormFusion {
  std::optional<Variable> bias = std::nullopt;      ///< (channels)
  std::optional<Variable> residual = std::nullopt;  ///< of the shape of x
  bool relu = false;                                ///< whether y is passed through relu
  /// Upper limit of y after relu, above 0 and not NaN. Without effect unless `relu` is set.
  double max_value = std::numeric_limits<double>::infinity();
  std::optional<ElementFunction> function = std::nullopt;  ///< applied to y; only without `relu`
};

/// Training: y = gamma (x - m) / sqrt(v + epsilon) + beta, with mean m and biased variance v of each channel over all
/// other axes of this batch. The derivative includes the dependence of m and v on x. x (..., channels), gamma and beta
/// (channels). The mean is subtracted first: an x that equals the mean gives exactly beta, for a mean of any size.
/// Statistics are computed in float64, so y is correct for all finite x of float32, even if the variance exceeds the
/// range of float32. A bias cancels with the mean, so it changes only the returned mean, and its derivative is 0. Saves
/// x, gamma and the statistics; with a residual and relu also y, with a residual and another function also the
/// residual. Otherwise the argument of the function is recomputed. Error if the shapes or types differ, x has no
/// elements, max_value is not above 0, or there are two functions.
BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, double epsilon,
                           const BatchNormFusion& fusion = {});

/// The result of batch_norm_of_part: the output of the part, and the statistics of the batch.
struct PartialBatchNormResult {
  Variable y;            ///< output, of the shape of x
  Tensor mean;           ///< (channels)
  Tensor variance;       ///< (channels), as in BatchNormResult
  std::int64_t samples;  ///< the number of elements of each channel in the batch
};

/// batch_norm for one part x of a batch whose other parts are computed by other passes: mean, variance and derivatives
/// are those of the whole batch, whatever the sizes of the parts are. The derivatives of gamma and beta are the shares
/// of this part; they add up over the parts. `sum_over_batch` is called twice here and once in the backward pass, with
/// 2 * channels numbers at most.
PartialBatchNormResult batch_norm_of_part(const Variable& x, const Variable& gamma, const Variable& beta,
                                          double epsilon, const BatchNormFusion& fusion,
                                          const SumOverBatch& sum_over_batch);

/// Inference: batch normalization with given statistics, which are constants. A bias is added before the mean is
/// subtracted, with the same bits as a separate op would give. If no derivative is recorded and the caller moves x into
/// the call (std::move), y is written over it.
Variable batch_norm_inference(Variable x, const Variable& gamma, const Variable& beta, const Tensor& mean,
                              const Tensor& variance, double epsilon, const BatchNormFusion& fusion = {});

/// Converts x from float64 to another type. Finite values stay finite: a value that exceeds the range of that type
/// becomes its largest number.
Tensor saturated(const Tensor& x, DType dtype);

}  // namespace xtape
