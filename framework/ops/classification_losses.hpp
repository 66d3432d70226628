// Losses of outputs that are classes, beyond the cross entropies of losses.hpp: weights, errors and precision are as
// described there.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// The mean over all elements of max(1 - t x, 0). Targets are -1 or 1; if all are 0 or 1, they become -1 and 1, as in
/// Keras. Error unless both have the same shape and the targets are such numbers.
Variable hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all elements of max(1 - t x, 0)^2. Otherwise as hinge.
Variable squared_hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all positions of max(0, 1 + max((1 - t) x) - sum(t x)) along the last axis. Targets are one-hot (n,
/// ..., classes), in [0, 1]; int64 class numbers (n, ...) are converted. Error for other shapes and class numbers out
/// of range.
Variable categorical_hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all positions of sum(t log(t / p)) along the last axis, with t and p limited to [1e-7, 1] as in Keras.
/// Error unless both have the same shape (n, ..., k) and every target is in [0, 1].
Variable kl_divergence(const Variable& probabilities, const Tensor& targets, const Tensor& weights = {});

/// Options of the focal losses.
struct FocalOptions {
  double gamma = 2;            ///< exponent of the factor that reduces the loss of examples that are right, at least 0
  double alpha = 0.25;         ///< factor of positive targets (categorical: of all targets), in [0, 1]
  bool balanced = false;       ///< binary: whether alpha applies, with 1 - alpha for negative targets; Keras's
                               ///< apply_class_balancing
  double label_smoothing = 0;  ///< as in the cross entropies, in [0, 1)
};

/// The mean over all elements of (1 - q)^gamma times the binary cross entropy, where q is the probability of the right
/// answer, t p + (1 - t) (1 - p), and p = sigmoid(z). Error as in sigmoid_cross_entropy, or if an option is out of
/// range. (Lin, Goyal, Girshick, He and Dollar: Focal loss for dense object detection, ICCV 2017.)
Variable sigmoid_focal_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights = {},
                                     const FocalOptions& options = {});

/// The mean over all positions of sum(alpha (1 - p)^gamma t (-log p)) along the last axis, where p = softmax(z).
/// Targets are distributions (n, ..., classes) or int64 class numbers (n, ...). Error for other shapes, class numbers
/// out of range, or options out of range; `balanced` must be false.
Variable softmax_focal_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights = {},
                                     const FocalOptions& options = {});

/// Options of dice and tversky.
struct OverlapOptions {
  /// One ratio over all samples of a batch, as in Keras without `axis`. By default each sample has its own ratio
  /// (Keras: axis = all but the first), so that weights apply, and the loss of a data set does not depend on how it is
  /// cut into batches.
  bool whole_batch = false;
  double alpha = 0.5;  ///< tversky: weight of what the outputs miss, sum(t (1 - p)), at least 0
  double beta = 0.5;   ///< tversky: weight of what the outputs add, sum(p (1 - t)), at least 0
};

/// The mean over all samples of 1 - 2 sum(t p) / (sum(t) + sum(p) + 1e-7), for probabilities p and targets t in [0, 1]
/// of one shape, such as masks. Error for other targets, and for weights with whole_batch.
Variable dice(const Variable& probabilities, const Tensor& targets, const Tensor& weights = {},
              const OverlapOptions& options = {});

/// The mean over all samples of 1 - s / (s + alpha sum(t (1 - p)) + beta sum(p (1 - t)) + 1e-7) with s = sum(t p).
/// Otherwise as dice. (Salehi, Erdogmus and Gholipour: Tversky loss function for image segmentation, 2017.)
Variable tversky(const Variable& probabilities, const Tensor& targets, const Tensor& weights = {},
                 const OverlapOptions& options = {});

}  // namespace xtape
