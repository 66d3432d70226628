// TrainStep: one training step of fit.
#pragma once

#include <string_view>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/data/data_loader.hpp"

namespace xtape {

/// A training step: forward pass, losses, backward pass and optimizer step.
class TrainStep {
 public:
  /// A step of the run `run`, which must outlive this object.
  explicit TrainStep(TrainingState& run) : run_(run) {}

  /// Trains on these batches as on one batch, adds their losses and metrics to the run's figures, and returns the loss.
  /// If the loss is not finite, no parameter is changed and no figure is added.
  double operator()(const std::vector<Batch>& batches);

  /// Notifies the profiler, if there is one, of the current activity.
  void at_work(std::string_view who) const;

 private:
  struct Measured;
  Measured measure(const Batch& batch, const std::vector<double>& shares, double share_of_samples, ForwardPass& pass);

  TrainingState& run_;
};

}  // namespace xtape
