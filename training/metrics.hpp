// How good outputs are, given the right answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// (k, k) int64: in row i, column j the number of samples of class i whose largest output is j. Takes 8 k^2 bytes; for
/// thousands of classes see confusion_counts().
Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels);

/// The confusion matrix without its zeros: memory grows with the number of samples and of classes, not with k^2.
struct ConfusionCounts {
  /// A cell off the diagonal that is not 0.
  struct Pair {
    std::int64_t label, output, count;  ///< samples of class `label` whose largest output is `output`
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  std::vector<std::int64_t> samples;  ///< of each class: the sums of the rows
  std::vector<std::int64_t> taken;    ///< of any class whose largest output is this one: the sums of the columns
  std::vector<std::int64_t> right;    ///< of each class, recognized: the diagonal
  std::vector<Pair> confused;         ///< the most frequent first; among equals by label, then by output
};
ConfusionCounts confusion_counts(const Tensor& outputs, const Tensor& labels);

/// How well one class is told from the others. What divides by zero is 0, as in scikit-learn.
struct ClassMetrics {
  double precision;      ///< share of the samples taken for this class that are of it
  double recall;         ///< share of the samples of this class that are taken for it
  double f1;             ///< 2 precision recall / (precision + recall)
  std::int64_t support;  ///< number of samples of this class
};

/// Of each class, from a confusion matrix (k, k) int64 or from counts. Error when the matrix is something else.
std::vector<ClassMetrics> class_metrics(const Tensor& confusion);
std::vector<ClassMetrics> class_metrics(const ConfusionCounts& counts);

/// The same as a table, a line a class, with the classes' names where there are any, and then accuracy and the means
/// over classes. Error as above, and when there are names but not k.
std::string class_table(const Tensor& confusion, const std::vector<std::string>& class_names = {});
std::string class_table(const ConfusionCounts& counts, const std::vector<std::string>& class_names = {});

}  // namespace xtape
