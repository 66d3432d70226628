// How good outputs are, given the right answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The classes of the `count` largest values of each row of scores (n, k), the largest first: (n, count) int64. All
/// metrics and reports use this order: of equal values the one of the smaller class number comes first, and a row with
/// a NaN has no largest value, which is -1 in all of its columns. Error unless the scores are floating (n, k) with
/// n, k >= 1 and 1 <= count <= k.
Tensor top_classes(const Tensor& scores, std::int64_t count = 1);

/// The class of each sample, (n) int64: class numbers as they are, for distributions (n, k) that of the largest entry.
Tensor classes_of_labels(const Tensor& labels);

// outputs: (n, k) floating, a score for each of k >= 2 classes (logits or probabilities). labels: int64 (n), each in
// [0, k), or distributions (n, k), such as one-hot rows, whose largest entry is the class. A row of outputs with a NaN
// is wrong in every metric. Error naming the function and the shapes when they do not fit, for the first label out of
// range and for the first row that is no distribution.

/// Share of rows whose largest output is that of the right class, 0 to 1; see top_classes.
double accuracy(const Tensor& outputs, const Tensor& labels);

/// Share of rows whose right class is among the `count` largest outputs; see top_classes. Error unless 1 <= count <= k.
double top_k_accuracy(const Tensor& outputs, const Tensor& labels, std::int64_t count);

/// Share of elements for which output > threshold agrees with target > 0.5: for yes-no answers, one or several for each
/// sample. The threshold of probabilities is 0.5, that of logits 0. A NaN output is wrong. outputs: floating; targets:
/// of the same shape, each in [0, 1]. Error otherwise, or when there are no elements.
double binary_accuracy(const Tensor& outputs, const Tensor& targets, double threshold = 0.5);

/// (k, k) int64: in row i, column j the number of samples of class i whose largest output is j. When some rows of the
/// outputs have a NaN, (k, k + 1): the last column counts those of each class. Takes 8 k^2 bytes; for thousands of
/// classes see confusion_counts().
Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels);

/// The confusion matrix without its zeros: memory grows with the number of samples and of classes, not with k^2.
struct ConfusionCounts {
  /// A cell off the diagonal that is not 0.
  struct Pair {
    std::int64_t label;   ///< class of the target
    std::int64_t output;  ///< class of the largest output
    std::int64_t count;   ///< number of such samples
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  std::vector<std::int64_t> samples;  ///< of each class: the sums of the rows
  std::vector<std::int64_t> taken;    ///< of any class whose largest output is this one: the sums of the columns
  std::vector<std::int64_t> right;    ///< of each class, recognized: the diagonal
  std::vector<Pair> confused;         ///< the most frequent first; among equals by label, then by output
  std::int64_t undecided;             ///< samples with a NaN output, which are taken for no class
};
/// The counts for outputs and labels.
ConfusionCounts confusion_counts(const Tensor& outputs, const Tensor& labels);

/// How well one class is distinguished from the others. What divides by zero is 0, as in scikit-learn.
struct ClassMetrics {
  double precision;      ///< share of the samples taken for this class that are of it
  double recall;         ///< share of the samples of this class that are taken for it
  double f1;             ///< 2 precision recall / (precision + recall)
  std::int64_t support;  ///< number of samples of this class
};

/// Of each class, from counts, or from a confusion matrix (k, k) or (k, k + 1) int64. Samples with a NaN output belong
/// to the support and are taken for no class. Error when the matrix is something else.
std::vector<ClassMetrics> class_metrics(const Tensor& confusion);
/// The figures for each class.
std::vector<ClassMetrics> class_metrics(const ConfusionCounts& counts);

/// The same as a table, a line a class, with the classes' names where there are any, and then accuracy and the means
/// over classes, and the number of samples with a NaN if there are any. Error as above, and when there are names but
/// not k.
std::string class_table(const Tensor& confusion, const std::vector<std::string>& class_names = {});
/// A table of the figures for each class.
std::string class_table(const ConfusionCounts& counts, const std::vector<std::string>& class_names = {});

}  // namespace xtape
