// Checkpointed blocks of a network, whose activations are recomputed in the backward pass. Internal to the library.
#pragma once

#include <vector>

#include "models/graph/fusion.hpp"

namespace xtape {

/// A checkpointed block: steps [begin, end) of a network. Later steps read at most one of the values that are computed
/// before `end`.
struct Segment {
  std::size_t begin, end;
  /// Whether recomputing the other values saves memory. It does not for the last block, where the backward pass begins,
  /// and not for a single layer, which keeps only what it needs. A model used as a layer has its own blocks.
  bool worth_recomputing;
};

/// Divides all steps into checkpointed blocks. While the backward pass recomputes a block, memory holds the values at
/// the beginnings of the earlier blocks and all values of the block itself. The largest such sum is the memory that is
/// needed. The blocks are filled one after the other up to a budget; the smallest sufficient budget is found by
/// bisection (Chen, Xu, Zhang and Guestrin, 2016, algorithm 3). The size of a value is its number of elements, where an
/// unknown extent counts as 1.
std::vector<Segment> plan_segments(const std::vector<FusedStep>& steps, const std::vector<ModelNode>& nodes,
                                   const std::vector<std::size_t>& last_use);

}  // namespace xtape
