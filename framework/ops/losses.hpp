// Losses: a batch of outputs and what they should be -> one number, the mean over the batch.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/autograd/variable.hpp"

namespace xtape {

// Each takes weights (n) floating, one number a sample; undefined weights are all 1. With l_i the loss of sample i, the
// mean over its elements, the result is sum(w_i l_i) / n: divided by the number of samples, not by the sum of the
// weights, as Keras does (reduction "sum_over_batch_size"; keras/src/losses/loss.py). Error for weights of another
// shape or type.

// Losses are computed in float64 for both types, and rounded once. Where the sum over the samples exceeds the range of
// float64 and the mean does not, the mean is right.

struct CrossEntropyOptions {
  /// Each entry t of a distribution becomes (1 - label_smoothing) t + label_smoothing / classes, in [0, 1) (Szegedy,
  /// Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, CVPR 2016, section 7;
  /// Keras's CategoricalCrossentropy(label_smoothing)).
  double label_smoothing = 0;
  /// Positions with this label add nothing to the loss and are not counted by its mean, such as padding or unlabelled
  /// pixels (Keras's ignore_class, PyTorch's ignore_index). It may lie outside of [0, classes), as -1 does.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// Mean over all positions of -log softmax(logits)[label] over the last axis, and its derivative, with all digits also
/// where the label's probability is near 1. A logit of -inf has probability 0: the loss is +inf where it has a share of
/// the label, which smoothing gives to every class, and finite where it has none; one of +inf has probability 1. logits
/// (n, ..., classes), one position per sample or many (pixels, tokens); labels (n, ...) int64 in [0, classes), or
/// floating (n, ..., classes) with a distribution at each position (one-hot or soft), used as it is: fit and evaluate
/// refuse rows that are no distribution. The mean divides by the number of positions whose label is not ignored; it is
/// 0 when there are none. With weights (n) each position has the weight of its sample. Saves the logits. Error for
/// other shapes, labels out of range, an empty batch, a single class, whose loss is always 0, or options out of range.
Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& weights = {},
                               const CrossEntropyOptions& options = {});

/// The number that the mean of softmax_cross_entropy divides by: the positions whose label is not ignored.
double labels_that_count(const Tensor& labels, std::int64_t classes,
                         const std::optional<std::int64_t>& ignored = std::nullopt);

/// Mean over all elements of -(t log p + (1 - t) log(1 - p)), for probabilities p; p is kept within [1e-7, 1 - 1e-7] as
/// Keras does, beyond which its derivative is 0. Error unless both have one shape and every target is in [0, 1].
Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets, const Tensor& weights = {});

/// The same from logits z, p = sigmoid(z): softplus(z) - t z, and its derivative sigmoid(z) - t, with all digits for
/// any z and for t of 0 and 1. Of an infinite z the loss is 0 where the target is its sign's, else +inf. Errors as
/// above.
Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights = {});

/// Mean over all elements of (x - t)^2. Error unless both have one shape.
Variable mean_squared_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

/// Mean over all elements of |x - t|, whose derivative is 0 where they are equal. Error unless both have one shape.
Variable mean_absolute_error(const Variable& outputs, const Tensor& targets, const Tensor& weights = {});

}  // namespace xtape
