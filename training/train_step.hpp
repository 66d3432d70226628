// TrainStep: what one step of fit does with its batches.
#pragma once

#include <string_view>
#include <vector>

#include "training/callbacks/callback.hpp"
#include "training/data/data_loader.hpp"
#include "training/distributed/gradient_reduction.hpp"

namespace xtape {

/// What one step learns from.
struct StepData {
  /// Of each shard of this rank, its part of each batch of the step; parts may be empty.
  std::vector<std::vector<Batch>> shards;
  std::int64_t samples = 0;  ///< of all batches, over all shards
};

/// A forward pass, losses, a backward pass, and a step of the optimizer.
class TrainStep {
 public:
  /// For a run, which it refers to.
  explicit TrainStep(TrainingState& run) : run_(run) {}

  /// Learns from all batches of all shards as if they were one, adds their losses and metrics to the run's figures, and
  /// returns the loss. One that is not finite is neither learned from nor added. The result, and what is changed, are
  /// the same on all ranks; nothing is changed before all of them have computed their gradients.
  double operator()(const StepData& data);

  /// Names the current activity to the profiler, if there is one.
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
