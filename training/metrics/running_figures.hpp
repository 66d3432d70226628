// RunningFigures: the figures of the batches so far.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "training/data/data_loader.hpp"
#include "training/metrics/figures.hpp"
#include "training/metrics/objective.hpp"

namespace xtape {

/// What the loss of a batch came to, computed while it was trained on or evaluated.
struct BatchLosses {
  std::vector<double> of_outputs;  ///< each without its factor
  double penalty = 0;              ///< of the regularizers
};

/// Sums over batches of what losses and metrics need, which make their figures: exact means over all samples, also when
/// a batch is smaller than the others. Sums of several threads add up.
class RunningFigures {
 public:
  RunningFigures() = default;
  /// For the losses and metrics of this objective.
  explicit RunningFigures(const Objective& objective);

  /// outputs: of the model, in its order. Error as the metrics'.
  void add(const std::vector<Tensor>& outputs, const Batch& batch, const BatchLosses& losses);
  /// Adds what another one has summed up of the same objective.
  void add(const RunningFigures& more);

  /// "loss" with all factors and penalties, then of each output its loss (with several), then its metrics. 0 before the
  /// first batch.
  Figures figures() const;
  /// The first of them.
  double loss() const;
  /// Number of samples so far.
  std::int64_t samples() const { return samples_; }

  /// All sums as numbers, for another process.
  std::vector<double> numbers() const;
  /// Adds what numbers() of the same objective gave.
  void add(std::span<const double> numbers);

  /// All sums, for a checkpoint, and back. Error when they are of another objective.
  std::vector<NamedTensor> state() const;
  /// Restores saved sums.
  void restore(std::int64_t samples, const std::vector<NamedTensor>& state);

 private:
  struct OutputSums {
    double loss = 0, count = 0;   // of the mean loss, and what it divides by
    std::vector<Tensor> metrics;  // undefined before the first batch
  };
  Objective objective_;
  std::vector<OutputSums> outputs_;
  double penalty_ = 0;  // times samples
  std::int64_t samples_ = 0;
};

}  // namespace xtape
