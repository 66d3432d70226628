// Metric: how good outputs are, as a named value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Options of a custom metric.
struct MetricOptions {
  bool larger_is_better = true;  ///< for callbacks that watch the figure
  std::string settings = "";     ///< its options, for the settings that a checkpoint compares
};

/// A named figure of merit, such as the accuracy. It has no state: `sums` gives numbers for a batch that are added over
/// batches, and `result` makes the figure of the total. So it is exact over an incomplete last batch, training and
/// validation share one, a checkpoint in the middle of an epoch holds the sums, and sums of several threads or machines
/// can be added. Those of xtape are in the namespace metric; a custom one is a name and the two functions
/// (examples/custom_metric.cpp).
class Metric {
 public:
  /// Sums of a batch: float64, of the same shape for every batch. outputs (n, ...) floating, targets as in the data
  /// set, weights (n) floating, undefined when all are 1.
  using Sums = std::function<Tensor(const Tensor& outputs, const Tensor& targets, const Tensor& weights)>;
  /// The figure of the added sums.
  using Result = std::function<double(const Tensor& sums)>;

  /// Error when the name can't be part of a figure's name (see check_figure_name) or a function is empty.
  Metric(std::string name, Sums sums, Result result, MetricOptions options = {});

  /// Error when the result is not a float64 tensor.
  Tensor sums(const Tensor& outputs, const Tensor& targets, const Tensor& weights = {}) const;
  /// The figure for the total of the sums.
  double result(const Tensor& sums) const { return result_(sums); }
  /// The figure of one batch.
  double operator()(const Tensor& outputs, const Tensor& targets, const Tensor& weights = {}) const {
    return result(sums(outputs, targets, weights));
  }

  /// The name, as figures show it.
  const std::string& name() const { return name_; }
  /// Whether a larger figure is better.
  bool larger_is_better() const { return options_.larger_is_better; }

  /// "auc", "precision (threshold 0.7)".
  friend std::string to_string(const Metric& metric);

 private:
  std::string name_;
  Sums sums_;
  Result result_;
  MetricOptions options_;
};

/// Adds sums of the same metric; `total` is undefined at first. Error when the shapes differ.
void add_sums(const Metric& metric, Tensor& total, const Tensor& more);

/// The metrics of xtape. All count a sample by its weight, where there are weights: sum(w_i x_i) / sum(w_i). What
/// divides by zero is 0.
namespace metric {

// Outputs are scores (logits or probabilities) (n, ..., k) of k >= 2 classes at each position, targets class numbers
// (n, ...) or distributions (n, ..., k) whose largest entry is the class. A position with a NaN output is wrong.

/// Options of metrics of class numbers.
struct LabelOptions {
  /// Positions with this label do not count, as in softmax_cross_entropy.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// Share of positions whose largest output is that of the right class. Named "accuracy".
Metric accuracy(const LabelOptions& options = {});

/// Options of top_k_accuracy().
struct TopOptions {
  /// Number of classes that count as right.
  std::int64_t k = 5;
  /// Class number of positions without a label.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// Share of positions whose right class is among the k largest outputs; see top_classes. Named "top_5_accuracy".
Metric top_k_accuracy(const TopOptions& options = {});

/// Options of binary_accuracy().
struct ThresholdOptions {
  double threshold = 0.5;  ///< an output above it means yes: 0.5 for probabilities, 0 for logits
};

/// Share of elements for which output > threshold agrees with target > 0.5, for targets of the outputs' shape.
Metric binary_accuracy(const ThresholdOptions& options = {});

/// Options of precision(), recall(), f1() and intersection_over_union().
struct DecisionOptions {
  /// For yes-no answers: an output above it means yes; 0.5 for probabilities, 0 for logits.
  double threshold = 0.5;
  /// For class numbers: the figure of this class alone, instead of the mean over classes.
  std::optional<std::int64_t> class_number = std::nullopt;
  /// Class number of positions without a label.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

// With int64 targets (n, ...) the class of a position is that of its largest output, and the figure is the mean over
// the classes that occur among targets or outputs (scikit-learn's average="macro"). With floating targets of the
// outputs' shape each element is a yes-no answer, yes above 0.5, and the figure is that of yes (Keras's Precision).

/// Of what is taken for a class, the share that is of it.
Metric precision(const DecisionOptions& options = {});
/// Of what is of a class, the share that is taken for it.
Metric recall(const DecisionOptions& options = {});
/// 2 precision recall / (precision + recall).
Metric f1(const DecisionOptions& options = {});
/// Positions that are of a class and taken for it, over those that are either (Jaccard): the mean over classes, of
/// yes-no answers over yes and no (Keras's MeanIoU and BinaryIoU).
Metric intersection_over_union(const DecisionOptions& options = {});

/// Options of auc().
struct AucOptions {
  /// Number of thresholds.
  std::int64_t thresholds = 200;
  bool from_logits = false;  ///< the outputs are taken through a sigmoid first
};

/// Area under the ROC curve of yes-no answers, targets of the outputs' shape, by the trapezoids between `thresholds`
/// equally spaced thresholds, the first below 0 and the last above 1, as in Keras's AUC. Error for outputs outside of
/// [0, 1] without from_logits.
Metric auc(const AucOptions& options = {});

// For targets of the outputs' shape (n, ...).

/// Mean of the squared differences.
Metric mean_squared_error();
/// Square root of the mean of the squared differences.
Metric root_mean_squared_error();
/// Mean of the absolute differences.
Metric mean_absolute_error();
/// Mean of the absolute differences in percent of the targets, 100 |y - t| / max(|t|, 1e-7).
Metric mean_absolute_percentage_error();
/// Mean of the squared differences of the logarithms of 1 + y and 1 + t.
Metric mean_squared_logarithmic_error();
/// Mean of log(cosh(y - t)).
Metric log_cosh();
/// Mean of y - t log(y), for counts t.
Metric poisson();
/// Mean cosine of the angle between outputs and targets along the last axis. A larger one is better.
Metric cosine_similarity();

// The losses of the same names in loss:: as metrics.

/// Mean of max(1 - t y, 0), for targets -1 and 1 (or 0 and 1).
Metric hinge();
/// Mean of max(1 - t y, 0)^2.
Metric squared_hinge();
/// Mean over positions of max(0, 1 + the largest wrong score - the right score), for class numbers or distributions.
Metric categorical_hinge();
/// Mean divergence of the outputs from the targets; both are distributions along the last axis.
Metric kl_divergence();

/// Coefficient of determination, 1 - sum (t - y)^2 / sum (t - mean t)^2, the mean over the outputs of a sample
/// (scikit-learn's and Keras's uniform average). Where all targets are equal it is 1 if they are met, else 0.
Metric r2();

}  // namespace metric
}  // namespace xtape
