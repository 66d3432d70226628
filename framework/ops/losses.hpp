// Losses: functions of a batch of outputs and its targets. The result is one number, the mean over the batch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "framework/autograd/variable.hpp"

namespace xtape {

// Each loss takes floating weights (n), one number per sample; undefined weights count as 1. With l_i the loss of
// sample i, which is the mean over its elements, the result is sum(w_i l_i) / n. It is divided by the number of
// samples, not by the sum of the weights, as Keras does (reduction "sum_over_batch_size"; keras/src/losses/loss.py).
// Error if the weights have another shape or type.

// Losses are computed in float64 for both types and rounded once. If the sum over the samples exceeds the range of
// float64 but the mean does not, the mean is still correct.

/// Options of softmax_cross_entropy.
struct CrossEntropyOptions {
  /// Each entry t of a distribution becomes (1 - label_smoothing) t + label_smoothing / classes, in [0, 1) (Szegedy,
  /// Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, CVPR 2016, section 7;
  /// Keras's CategoricalCrossentropy(label_smoothing)).
  double label_smoothing = 0;
  /// Positions with this label do not contribute to the loss and are not counted in its mean, such as padding or
  /// unlabelled pixels (Keras's ignore_class, PyTorch's ignore_index). It may lie outside of [0, classes), for example
  /// -1.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// The mean over all positions of -log softmax(logits)[label] over the last axis. The loss and its derivative have full
/// precision also where the label's probability is near 1. A logit of -inf has probability 0: the loss is +inf if the
/// label gives this class a share (smoothing gives every class a share), and finite otherwise. A logit of +inf has
/// probability 1. logits (n, ..., classes), one position per sample or many (pixels, tokens); labels (n, ...) int64 in
/// [0, classes), or floating (n, ..., classes) with a distribution at each position (one-hot or soft), which is not
/// checked here: fit and evaluate reject rows that are not distributions. The mean divides by the number of positions
/// whose label is not ignored; it is 0 if there are none. With weights (n) each position has the weight of its sample.
/// Saves the logits. Error for other shapes, labels out of range, an empty batch, a single class (whose loss is always
/// 0), or options out of range.
Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& weights = {},
                               const CrossEntropyOptions& options = {});

/// The mean over all positions of -log(p[label] / sum(p)) over the last axis, for probabilities p, such as those of a
/// softmax. p is first clipped to [1e-7, 1 - 1e-7]; the derivative is 0 outside of this range, so a model that is wrong
/// with certainty does not learn from it: prefer logits and softmax_cross_entropy. This is Keras's formula for class
/// numbers (with TensorFlow); for distributions it divides by the sum before it clips. Labels, weights, options and
/// errors are those of softmax_cross_entropy.
Variable categorical_cross_entropy(const Variable& probabilities, const Tensor& labels, const Tensor& weights = {},
                                   const CrossEntropyOptions& options = {});

/// The number of positions whose label is not ignored. The mean of softmax_cross_entropy divides by this number.
double labels_that_count(const Tensor& labels, std::int64_t classes,
                         const std::optional<std::int64_t>& ignored = std::nullopt);

/// Options of binary_cross_entropy and sigmoid_cross_entropy.
struct BinaryCrossEntropyOptions {
  /// Each target t becomes (1 - label_smoothing) t + label_smoothing / 2, in [0, 1), as in Keras.
  double label_smoothing = 0;
  /// Factors of the term t log p: above 1 they favour recall, below 1 precision. None (all are 1), one for all
  /// elements, or one for each of the last axis of the outputs (PyTorch's BCEWithLogitsLoss).
  std::vector<double> pos_weight = {};
};

/// The mean over all elements of -(t log p + (1 - t) log(1 - p)), for probabilities p and targets t. As in Keras, p is
/// clipped to [1e-7, 1 - 1e-7]; the derivative is 0 outside of this range. Error unless both have the same shape and
/// every target is in [0, 1], or if an option is out of range.
Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets, const Tensor& weights = {},
                              const BinaryCrossEntropyOptions& options = {});

/// The binary cross entropy of logits z, where p = sigmoid(z): the mean over all elements of softplus(z) - t z, with
/// the derivative sigmoid(z) - t. Both have full precision for all z and for t of 0 and 1. For an infinite z the loss
/// is 0 if the target matches its sign (1 for +inf, 0 for -inf), and +inf otherwise. Error as in binary_cross_entropy.
Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights = {},
                               const BinaryCrossEntropyOptions& options = {});

/// The mean over all elements of (x - t)^2. Error unless both have the same shape.
Variable mean_squared_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// The mean over all elements of |x - t|. The derivative is 0 where x = t. Error unless both have the same shape.
Variable mean_absolute_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

}  // namespace xtape
