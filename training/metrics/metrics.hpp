// Metrics as functions of outputs and targets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// The classes of the `count` largest values of each row of scores (n, ..., k), the largest first: (n, ..., count)
/// int64. All metrics and reports use this order: of equal values the one of the smaller class number comes first, and
/// a row with a NaN has no largest value, which is -1 in all of its columns. Error unless the scores are floating, with
/// two or more axes, none of them empty, and 1 <= count <= k.
Tensor top_classes(const Tensor& scores, std::int64_t count = 1);

/// The class of each sample, (n) int64: class numbers as they are, for distributions (n, k) that of the largest entry.
Tensor classes_of_labels(const Tensor& labels);

// The arguments of the following functions: outputs (n, k), floating, a score for each of k >= 2 classes (logits or
// probabilities); labels int64 (n), each in [0, k), or distributions (n, k), such as one-hot rows, whose largest entry
// is the class. A row of outputs with a NaN is wrong in every metric. Error with the function and the shapes when they
// do not fit, for the first label out of range, and for the first row that is not a distribution.

/// The share of rows whose largest output is that of the right class, 0 to 1; see top_classes().
double accuracy(const Tensor& outputs, const Tensor& labels);

/// The share of rows whose right class is among the `count` largest outputs; see top_classes(). Error unless 1 <= count
/// <= k.
double top_k_accuracy(const Tensor& outputs, const Tensor& labels, std::int64_t count);

/// The share of elements for which output > threshold agrees with target > 0.5: for yes-no answers, one or several for
/// each sample. Use a threshold of 0.5 for probabilities, 0 for logits. A NaN output is wrong. Outputs are floating;
/// targets have the shape of the outputs and are in [0, 1]. Error otherwise, or when there are no elements.
double binary_accuracy(const Tensor& outputs, const Tensor& targets, double threshold = 0.5);

/// The confusion matrix (k, k) int64: row i, column j has the number of samples of class i whose largest output is j.
/// If some rows of the outputs have a NaN, it is (k, k + 1), and the last column has the numbers of these samples. It
/// takes 8 k^2 bytes; for thousands of classes use confusion_counts().
Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels);

/// A confusion matrix without its zeros. Its memory grows with the number of samples and of classes, not with k^2.
struct ConfusionCounts {
  /// An entry off the diagonal that is not 0.
  struct Pair {
    std::int64_t label;   ///< class of the target
    std::int64_t output;  ///< class of the largest output
    std::int64_t count;   ///< number of such samples
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  std::vector<std::int64_t> samples;  ///< number of samples of each class: the sums of the rows
  std::vector<std::int64_t> taken;    ///< number of predictions of each class: the sums of the columns
  std::vector<std::int64_t> right;    ///< number of correct predictions of each class: the diagonal
  std::vector<Pair> confused;         ///< the most frequent first; of equal ones by label, then by output
  std::int64_t undecided;             ///< number of samples with a NaN output, which have no predicted class
};
/// The confusion counts of outputs and labels.
ConfusionCounts confusion_counts(const Tensor& outputs, const Tensor& labels);

/// The figures of one class. A division by zero gives 0, as in scikit-learn.
struct ClassMetrics {
  double precision;      ///< true positives / samples that are predicted as this class
  double recall;         ///< true positives / samples of this class
  double f1;             ///< 2 precision recall / (precision + recall)
  std::int64_t support;  ///< number of samples of this class
};

/// The figures of each class, from a confusion matrix (k, k) or (k, k + 1) int64. Samples with a NaN output count in
/// the support and have no predicted class. Error for other matrices.
std::vector<ClassMetrics> class_metrics(const Tensor& confusion);
/// The figures of each class, from confusion counts.
std::vector<ClassMetrics> class_metrics(const ConfusionCounts& counts);

/// The figures as a table: a line for each class, with its name or number; then the accuracy, the means over the
/// classes, and the number of samples with a NaN if there are any. Error as in class_metrics(), and when the number of
/// names is not k.
std::string class_table(const Tensor& confusion, const std::vector<std::string>& class_names = {});
/// The figures as a table, from confusion counts.
std::string class_table(const ConfusionCounts& counts, const std::vector<std::string>& class_names = {});

}  // namespace xtape
