// TrainStep: what one step of fit does with its batches.
#pragma once

#include <string_view>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/data/data_loader.hpp"

namespace xtape {

/// A forward pass, losses, a backward pass, and a step of the optimizer.
class TrainStep {
 public:
  /// For a run, which it refers to.
  explicit TrainStep(TrainingState& run) : run_(run) {}

  /// Learns from these batches as if they were one, adds their losses and metrics to the run's figures, and returns the
  /// loss. One that is not finite is neither learned from nor added.
  double operator()(const std::vector<Batch>& batches);

  /// Names the current activity to the profiler, if there is one.
  void at_work(std::string_view who) const;

 private:
  struct Measured;
  Measured measure(const Batch& batch, const std::vector<double>& shares, double share_of_samples, ForwardPass& pass);

  TrainingState& run_;
};

}  // namespace xtape
