// How good outputs are, given the right answers.
#pragma once

#include <cstdint>

#include "framework/tensor/tensor.hpp"

namespace xtape {

// outputs: (n, k) floating, a score for each class (logits or probabilities). labels: int64 (n), each in [0, k), or
// one-hot rows (n, k). Error naming the function and the shapes when they don't fit, and for the first label out of
// range.

/// Share of rows whose largest output is that of the right class, 0 to 1. The first of several equal ones counts, and
/// an output that is not a number is never right.
double accuracy(const Tensor& outputs, const Tensor& labels);

/// Share of rows whose right class is among the `count` largest outputs. Error unless 1 <= count <= k.
double top_k_accuracy(const Tensor& outputs, const Tensor& labels, std::int64_t count);

/// (k, k) int64: in row i, column j the number of samples of class i whose largest output is j.
Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels);

}  // namespace xtape
