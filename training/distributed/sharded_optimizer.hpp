// ShardedOptimizer: an optimizer whose state is divided among the ranks.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "optim/optimizer.hpp"
#include "training/distributed/shards.hpp"

namespace xtape {

/// Each rank keeps the optimizer's slots of a part of the parameters, updates these and gives their new values to the
/// others (Rajbhandari et al., ZeRO: Memory optimizations toward training trillion parameter models, SC 2020, stage 1).
/// The parts are whole parameters, because update rules may need all of one, and have about the same size. All ranks
/// call the functions together.
class ShardedOptimizer {
 public:
  /// Frees the slots of the other ranks' parameters. Both arguments must outlive this object.
  ShardedOptimizer(Optimizer& optimizer, const Shards& shards);

  /// The step of the optimizer with these gradients of all parameters, with the same bits.
  void step(const Gradients& gradients);
  /// The optimizer's named_state() with the slots of all ranks, on each rank for which `wanted` is true.
  std::vector<std::pair<std::string, Tensor>> gathered_state(bool wanted) const;
  /// Gives the optimizer the slots of all ranks back.
  void complete();

 private:
  Optimizer& optimizer_;
  const Shards& shards_;
  std::vector<int> owners_;  // of the optimizer's parameters
};

}  // namespace xtape
