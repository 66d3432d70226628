// TrainStep: one training step of fit.
#pragma once

#include <string_view>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/data/data_loader.hpp"
#include "training/distributed/gradient_reduction.hpp"

namespace xtape {

/// The data of one step.
struct StepData {
  /// For each shard of this rank, its part of each batch of the step; parts may be empty.
  std::vector<std::vector<Batch>> shards;
  std::int64_t samples = 0;  ///< number of samples in all batches and shards
};

/// A training step: forward pass, losses, backward pass and optimizer step.
class TrainStep {
 public:
  /// A step of the run `run`, which must outlive this object.
  explicit TrainStep(TrainingState& run) : run_(run) {}

  /// Trains on all batches of all shards as on one batch, adds their losses and metrics to the run's figures, and
  /// returns the loss. If the loss is not finite, no parameter is changed and no figure is added. Results and changes
  /// are the same on all ranks. Nothing is changed before all ranks have computed their gradients.
  double operator()(const StepData& data);

  /// Notifies the profiler, if there is one, of the current activity.
  void at_work(std::string_view who) const;

 private:
  struct Measured;
  struct Piece;
  std::vector<std::vector<Piece>> pieces_of(const StepData& data) const;
  double stream(const Piece& piece);
  double collect(const std::vector<std::vector<Piece>>& shards);
  template <class Backward>
  double compute(const Piece& piece, RunningFigures& figures, const Backward& backward);
  Measured measure(const Piece& piece, ForwardPass& pass);

  TrainingState& run_;
  GradientReduction::Residuals residuals_;
};

}  // namespace xtape
