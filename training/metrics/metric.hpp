// Metric: a named figure that measures the quality of outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// Options of a custom metric.
struct MetricOptions {
  bool larger_is_better = true;  ///< whether a larger figure is better, for callbacks that watch it
  std::string settings = "";     ///< the options as text, which a checkpoint compares
  /// Returns the sums of two parts of the data together, from the sums of each; empty: their sum, element by element.
  /// For numbers that are not sums: a maximum, or a mean with squared deviations. Both parts may have any size. The
  /// order of the arguments is that of the samples, but with several shards that of the shards, each of which has a
  /// part of every batch.
  std::function<Tensor(const Tensor& first, const Tensor& second)> combine = {};
  /// For a metric of class numbers: whether positions of this label do not count. fit() and evaluate() reject a metric
  /// that counts positions without a label (Target::ignored_label). Empty: they do not ask.
  std::function<bool(std::int64_t label)> ignores = {};
};

/// A named figure that measures the quality of outputs, such as the accuracy. It has no state: `sums` returns numbers
/// for a batch, which are added over batches (or combined by MetricOptions::combine), and `result` computes the figure
/// from the total. So the figure is exact when the last batch is smaller, training and validation can use the same
/// object, a checkpoint within an epoch stores the sums, and the sums of several threads or machines can be added. The
/// metrics of xtape are in the namespace metric. A custom metric is made from a name and the two functions
/// (examples/custom_metric.cpp).
class Metric {
 public:
  /// Returns the sums of a batch: float64, with the same shape for every batch. outputs: (n, ...) floating; targets: as
  /// in the data set; weights: (n) floating, undefined when all are 1.
  using Sums = std::function<Tensor(const Tensor& outputs, const Tensor& targets, const Tensor& weights)>;
  /// Returns the figure for the total of the sums.
  using Result = std::function<double(const Tensor& sums)>;

  /// Error when the name cannot be part of a figure's name (see check_figure_name) or a function is empty.
  Metric(std::string name, Sums sums, Result result, MetricOptions options = {});

  /// The sums of a batch. Error when the function does not return a float64 tensor.
  Tensor sums(const Tensor& outputs, const Tensor& targets, const Tensor& weights = {}) const;
  /// The sums of two parts of the data together. `first` may be undefined: no data. Error when the shapes differ, or
  /// when MetricOptions::combine returns another shape or type.
  Tensor combined(const Tensor& first, const Tensor& second) const;
  /// The figure for the total of the sums.
  double result(const Tensor& sums) const { return result_(sums); }
  /// The figure of one batch.
  double operator()(const Tensor& outputs, const Tensor& targets, const Tensor& weights = {}) const {
    return result(sums(outputs, targets, weights));
  }

  /// The name, for figures.
  const std::string& name() const { return name_; }
  /// The same metric with another name, such as "recall_of_cats", so that fit() and evaluate() can compute it twice
  /// with different options. Error as for the constructor.
  Metric renamed(std::string name) const;
  /// Whether a larger figure is better.
  bool larger_is_better() const { return options_.larger_is_better; }
  /// Whether the metric counts positions of this label, if it says so; see MetricOptions::ignores.
  bool counts(std::int64_t label) const { return options_.ignores && !options_.ignores(label); }

  /// The name and the options that the metric was made with: "auc", "precision (threshold 0.7)".
  std::string definition() const;
  /// The definition, with the name in front if the metric was renamed: "precision_of_cats: precision (class_number 0)".
  friend std::string to_string(const Metric& metric);

 private:
  std::string name_, made_name_;
  Sums sums_;
  Result result_;
  MetricOptions options_;
};

/// The metrics of xtape. If there are weights, means are weighted: sum(w_i x_i) / sum(w_i). A division by zero gives 0.
namespace metric {

// The outputs of the following metrics are scores (logits or probabilities) (n, ..., k) of k >= 2 classes at each
// position. The targets are class numbers (n, ...), or distributions (n, ..., k), whose class is that of the largest
// entry. A position with a NaN output is wrong.

/// Options of accuracy().
struct LabelOptions {
  /// The class number of positions without a label, which do not count, as in softmax_cross_entropy.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// The share of positions whose largest output is that of the right class. Its name is "accuracy".
Metric accuracy(const LabelOptions& options = {});

/// Options of top_k_accuracy().
struct TopOptions {
  /// The number of largest outputs among which the right class has to be.
  std::int64_t k = 5;
  /// The class number of positions without a label, which do not count.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

/// The share of positions whose right class is among the k largest outputs; see top_classes(). Its name is
/// "top_5_accuracy" for k = 5.
Metric top_k_accuracy(const TopOptions& options = {});

/// Options of binary_accuracy().
struct ThresholdOptions {
  double threshold = 0.5;  ///< an output above it means yes; use 0.5 for probabilities, 0 for logits
};

/// The share of elements for which output > threshold agrees with target > 0.5. Targets have the shape of the outputs.
Metric binary_accuracy(const ThresholdOptions& options = {});

/// Options of precision(), recall(), f1() and intersection_over_union().
struct DecisionOptions {
  /// For yes-no answers: an output above it means yes; use 0.5 for probabilities, 0 for logits.
  double threshold = 0.5;
  /// For class numbers: compute the figure of this class instead of the mean over the classes. Error with the first
  /// outputs that do not have it.
  std::optional<std::int64_t> class_number = std::nullopt;
  /// The class number of positions without a label, which do not count.
  std::optional<std::int64_t> ignored_label = std::nullopt;
};

// For int64 targets (n, ...) the predicted class of a position is that of its largest output, and the figure is the
// mean over the classes that occur among targets or predictions (scikit-learn's average="macro"). For floating targets
// with the shape of the outputs each element is a yes-no answer, yes above 0.5, and the figure is that of yes (Keras's
// Precision).

/// The share of the positions predicted as a class that are of this class: true positives / predicted positives.
Metric precision(const DecisionOptions& options = {});
/// The share of the positions of a class that are predicted as this class: true positives / actual positives.
Metric recall(const DecisionOptions& options = {});
/// 2 precision recall / (precision + recall).
Metric f1(const DecisionOptions& options = {});
/// The positions that are of a class and predicted as it, divided by the positions that are one or the other (Jaccard):
/// the mean over the classes, for yes-no answers over yes and no (Keras's MeanIoU and BinaryIoU).
Metric intersection_over_union(const DecisionOptions& options = {});

/// Options of auc().
struct AucOptions {
  /// Number of thresholds.
  std::int64_t thresholds = 200;
  bool from_logits = false;  ///< apply a sigmoid to the outputs first
};

/// The area under the ROC curve of yes-no answers, computed by trapezoids between `thresholds` equally spaced
/// thresholds, of which the first is below 0 and the last above 1, as in Keras's AUC. Targets have the shape of the
/// outputs. Error for outputs outside of [0, 1] without from_logits.
Metric auc(const AucOptions& options = {});

// The targets of the following metrics have the shape of the outputs (n, ...).

/// The mean of the squared differences.
Metric mean_squared_error();
/// The square root of the mean of the squared differences.
Metric root_mean_squared_error();
/// The mean of the absolute differences.
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
/// Mean over positions of max(0, 1 + max(0, the largest wrong score) - the right score), for class numbers or
/// distributions.
Metric categorical_hinge();
/// Mean divergence of the outputs from the targets; both are distributions along the last axis.
Metric kl_divergence();

/// The coefficient of determination, 1 - sum (t - y)^2 / sum (t - mean t)^2, as a mean over the outputs of a sample
/// (scikit-learn's and Keras's uniform average). If all targets are equal it is 1 if all outputs equal them, otherwise
/// 0; it is 0 if all weights are 0.
Metric r2();

}  // namespace metric
}  // namespace xtape
