// Objective: what a model's outputs are trained and measured by.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "models/graph/model.hpp"
#include "training/data/dataset.hpp"
#include "training/metrics/loss.hpp"
#include "training/metrics/metric.hpp"

namespace xtape {

/// The loss of an output, and the factor it has in the sum that is minimized. With a factor of 0 it is only measured.
struct WeightedLoss {
  /// A loss and its weight; a Loss alone has the weight 1.
  WeightedLoss(Loss its_loss, double its_weight = 1)  // NOLINT(google-explicit-constructor): a loss counts once
      : loss(std::move(its_loss)), weight(its_weight) {}
  /// The loss.
  Loss loss;
  /// Its factor in the sum of the losses.
  double weight;
};

/// One loss, or one for each output of the model in their order:
///
///   .loss = loss::mean_squared_error()
///   .loss = {{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.5}}
class Losses {
 public:
  /// For a model of one output.
  Losses(Loss loss) : losses_{std::move(loss)} {}  // NOLINT(google-explicit-constructor)
  /// One for each output, in their order.
  Losses(std::initializer_list<WeightedLoss> losses) : losses_(losses) {}
  /// One for each output, in their order.
  explicit Losses(std::vector<WeightedLoss> losses) : losses_(std::move(losses)) {}
  /// The losses in the order of the outputs.
  const std::vector<WeightedLoss>& all() const { return losses_; }

 private:
  std::vector<WeightedLoss> losses_;
};

/// A metric, and the output that it measures, by the name of the output's layer; the name is not needed where there is
/// one output:
///
///   .metrics = {metric::accuracy(), metric::top_k_accuracy({.k = 3})}
///   .metrics = {{metric::accuracy(), "kind"}, {metric::mean_absolute_error(), "price"}}
struct OutputMetric {
  /// A metric, and the name of the output that it measures.
  OutputMetric(Metric its_metric, std::string its_output = "")  // NOLINT(google-explicit-constructor)
      : metric(std::move(its_metric)), output(std::move(its_output)) {}
  /// The metric.
  Metric metric;
  /// Name of the output; empty where there is one.
  std::string output;
};
/// Metrics of the outputs of a model.
using Metrics = std::vector<OutputMetric>;

/// What one output of a model is trained and measured by.
struct OutputObjective {
  std::string name;  ///< of the output's layer; empty where the model has one output: its figures have no prefix
  /// The loss of the output.
  Loss loss;
  /// Its factor in the sum of the losses.
  double weight = 1;
  /// The metrics of the output.
  std::vector<Metric> metrics = {};
};

/// The losses and metrics of all outputs of a model, in their order.
class Objective {
 public:
  /// Of no output.
  Objective() = default;
  /// For a model and data like `data`. Without metrics each output whose targets are classes gets the accuracy. Error
  /// naming `function` when there are other than one loss for each output, a weight is negative or not finite, all are
  /// 0, a metric names no output of the model, or a figure would come twice.
  Objective(std::string_view function, const Model& model, const Dataset& data, const Losses& losses,
            const Metrics& metrics);

  /// What each output is trained and measured by.
  const std::vector<OutputObjective>& outputs() const { return outputs_; }

  /// A figure that is measured, and which way it is better.
  struct Measure {
    /// Name of the figure.
    std::string name;
    /// Whether a larger figure is better.
    bool larger_is_better;
  };
  /// In the order of RunningFigures::figures().
  std::vector<Measure> measures() const;

 private:
  std::vector<OutputObjective> outputs_;
};

/// "softmax_cross_entropy", "[softmax_cross_entropy, mean_squared_error times 0.5]", for settings that are compared;
/// and the metrics in the same way.
std::string losses_text(const Objective& objective);
/// The metrics with their outputs as text.
std::string metrics_text(const Objective& objective);

/// Name of the layer whose output is output number `index` of the model.
std::string output_name(const Model& model, std::size_t index);

}  // namespace xtape
