// Objective: what a model's outputs are trained and measured by.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "models/model.hpp"
#include "training/dataset.hpp"
#include "training/loss.hpp"
#include "training/metric.hpp"

namespace xtape {

/// The loss of an output, and the factor it has in the sum that is minimized. With a factor of 0 it is only measured.
struct WeightedLoss {
  WeightedLoss(Loss its_loss, double its_weight = 1)  // NOLINT(google-explicit-constructor): a loss counts once
      : loss(std::move(its_loss)), weight(its_weight) {}
  Loss loss;
  double weight;
};

/// One loss, or one for each output of the model in their order:
///
///   .loss = loss::mean_squared_error()
///   .loss = {{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.5}}
class Losses {
 public:
  Losses(Loss loss) : losses_{std::move(loss)} {}  // NOLINT(google-explicit-constructor)
  Losses(std::initializer_list<WeightedLoss> losses) : losses_(losses) {}
  explicit Losses(std::vector<WeightedLoss> losses) : losses_(std::move(losses)) {}
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
  OutputMetric(Metric its_metric, std::string its_output = "")  // NOLINT(google-explicit-constructor)
      : metric(std::move(its_metric)), output(std::move(its_output)) {}
  Metric metric;
  std::string output;
};
using Metrics = std::vector<OutputMetric>;

/// What one output of a model is trained and measured by.
struct OutputObjective {
  std::string name;  ///< of the output's layer; empty where the model has one output: its figures have no prefix
  Loss loss;
  double weight = 1;
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

  const std::vector<OutputObjective>& outputs() const { return outputs_; }

  /// A figure that is measured, and which way it is better.
  struct Measure {
    std::string name;
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
std::string metrics_text(const Objective& objective);

/// Name of the layer whose output is output number `index` of the model.
std::string output_name(const Model& model, std::size_t index);

}  // namespace xtape
