// Losses: a batch of outputs and what they should be -> one number, the mean over the batch.
#pragma once

#include "framework/autograd/variable.hpp"

namespace xtape {

/// Mean over the batch of -log softmax(logits)[label], computed without overflow. logits (n, classes); labels (n) int64
/// in [0, classes), or floating (n, classes) with one distribution a row (one-hot or soft). Saves the logits. Error for
/// other shapes, labels out of range or an empty batch.
Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels);

/// Mean over all elements of -(t log p + (1 - t) log(1 - p)), for probabilities p; p is kept within [1e-7, 1 - 1e-7] as
/// Keras does. Error unless both have one shape.
Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets);

/// The same from logits z, p = sigmoid(z): softplus(z) - t z, exact for any z.
Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets);

/// Mean over all elements of (x - t)^2. Error unless both have one shape.
Variable mean_squared_error(const Variable& outputs, const Tensor& targets);

}  // namespace xtape
