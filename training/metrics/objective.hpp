// Objective: the losses and metrics of the outputs of a model.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "models/graph/model.hpp"
#include "models/graph/output_name.hpp"
#include "training/data/dataset.hpp"
#include "training/metrics/loss.hpp"
#include "training/metrics/metric.hpp"

namespace xtape {

/// The loss of an output and its factor in the sum that is minimized. A loss with the factor 0 is measured but not
/// minimized.
struct WeightedLoss {
  /// A loss and its factor. A Loss is converted with the factor 1.
  WeightedLoss(Loss its_loss, double its_weight = 1)  // NOLINT(google-explicit-constructor): a loss has the factor 1
      : loss(std::move(its_loss)), weight(its_weight) {}
  /// The loss.
  Loss loss;
  /// The factor in the sum of the losses.
  double weight;
};

/// One loss, or one for each output of the model in the order of the outputs:
///
///   .loss = loss::mean_squared_error()
///   .loss = {{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.5}}
class Losses {
 public:
  /// The loss of a model with one output.
  Losses(Loss loss) : losses_{std::move(loss)} {}  // NOLINT(google-explicit-constructor)
  /// One loss for each output, in the order of the outputs.
  Losses(std::initializer_list<WeightedLoss> losses) : losses_(losses) {}
  /// One loss for each output, in the order of the outputs.
  explicit Losses(std::vector<WeightedLoss> losses) : losses_(std::move(losses)) {}
  /// The losses in the order of the outputs.
  const std::vector<WeightedLoss>& all() const { return losses_; }

 private:
  std::vector<WeightedLoss> losses_;
};

/// A metric and the output that it measures. The output is named by its layer; the name may be left out if the model
/// has one output:
///
///   .metrics = {metric::accuracy(), metric::top_k_accuracy({.k = 3})}
///   .metrics = {{metric::accuracy(), "kind"}, {metric::mean_absolute_error(), "price"}}
struct OutputMetric {
  /// A metric, and the name of the output that it measures.
  OutputMetric(Metric its_metric, std::string its_output = "")  // NOLINT(google-explicit-constructor)
      : metric(std::move(its_metric)), output(std::move(its_output)) {}
  /// The metric.
  Metric metric;
  /// The name of the output; may be empty if the model has one output.
  std::string output;
};
/// The metrics of the outputs of a model.
using Metrics = std::vector<OutputMetric>;

/// The loss and the metrics of one output of a model.
struct OutputObjective {
  std::string name;  ///< name of the output's layer; empty if the model has one output, whose figures have no prefix
  /// The loss of the output.
  Loss loss;
  /// The factor in the sum of the losses.
  double weight = 1;
  /// The metrics of the output.
  std::vector<Metric> metrics = {};
};

/// The losses and metrics of all outputs of a model, in the order of the outputs.
class Objective {
 public:
  /// An objective for no output.
  Objective() = default;
  /// The objective of a model for data with such targets; {} if they are not known. Without metrics each output whose
  /// targets are classes gets the accuracy. Error, beginning with `function`, when the number of losses is not that of
  /// the outputs, a factor is negative or not finite, all factors are 0, a metric names an output that the model does
  /// not have, two figures have the same name, or a figure has a name that fit() uses: learning_rate, seconds, or one
  /// that begins with val_. Error too when a target has an ignored_label and the loss counts it (see
  /// LossOptions::count).
  Objective(std::string_view function, const Model& model, const std::vector<Target>& targets, const Losses& losses,
            const Metrics& metrics);

  /// The loss and the metrics of each output.
  const std::vector<OutputObjective>& outputs() const { return outputs_; }

  /// A figure that is measured, and whether larger values are better.
  struct Measure {
    /// Name of the figure.
    std::string name;
    /// Whether a larger figure is better.
    bool larger_is_better;
  };
  /// The figures in the order of RunningFigures::figures().
  std::vector<Measure> measures() const;

 private:
  std::vector<OutputObjective> outputs_;
};

/// The losses as text, for settings that are compared: "softmax_cross_entropy", "[softmax_cross_entropy,
/// mean_squared_error times 0.5]".
std::string losses_text(const Objective& objective);
/// The metrics and their outputs as text, for settings that are compared.
std::string metrics_text(const Objective& objective);

}  // namespace xtape
