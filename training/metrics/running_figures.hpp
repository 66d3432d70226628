// RunningFigures: the figures of all batches so far.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "training/data/data_loader.hpp"
#include "training/metrics/figures.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// The losses of a batch, as training or evaluation computed them.
struct BatchLosses {
  std::vector<double> of_outputs;  ///< one for each output, without its factor
  double penalty = 0;              ///< of the regularizers
};

/// The sums over batches from which the figures of losses and metrics are computed. The figures are exact means over
/// all samples, also if batches have different sizes. The sums of several threads can be added.
class RunningFigures {
 public:
  RunningFigures() = default;
  /// No batches yet, for the losses and metrics of this objective.
  explicit RunningFigures(const Objective& objective);

  /// Adds a batch. outputs: those of the model, in their order. Errors as in the metrics.
  void add(const std::vector<Tensor>& outputs, const Batch& batch, const BatchLosses& losses);
  /// Adds the sums of another object with the same objective.
  void add(const RunningFigures& more);

  /// "loss" (the sum with all factors and penalties), with several outputs the loss of each, then the metrics of each
  /// output. All are 0 before the first batch.
  Figures figures() const;
  /// The figure "loss".
  double loss() const;
  /// Number of samples so far.
  std::int64_t samples() const { return samples_; }

  /// All sums as numbers, to be sent to another process.
  std::vector<double> numbers() const;
  /// Adds the numbers() of an object with the same objective.
  void add(std::span<const double> numbers);

  /// All sums, for a checkpoint.
  std::vector<NamedTensor> state() const;
  /// Restores saved sums. Error when they are those of another objective.
  void restore(std::int64_t samples, const std::vector<NamedTensor>& state);

 private:
  struct OutputSums {
    double loss = 0, count = 0;   // sum of the losses, and the number that their mean is divided by
    std::vector<Tensor> metrics;  // sums; undefined before the first batch
  };
  Objective objective_;
  std::vector<OutputSums> outputs_;
  double penalty_ = 0;  // sum over samples
  std::int64_t samples_ = 0;
};

}  // namespace xtape
