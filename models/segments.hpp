// Where a network may be cut so that what lies between the cuts need not be kept. Internal to the library.
#pragma once

#include <vector>

#include "models/fusion.hpp"

namespace xtape {

/// Steps [begin, end) of a network. Of all that is computed before `end`, what comes behind reads one value at most.
struct Segment {
  std::size_t begin, end;
  /// Whether keeping only that value saves anything: not where the way back begins, and not for one layer, which keeps
  /// what it needs; a model used as a layer has segments of its own.
  bool worth_recomputing;
};

/// All steps in segments. While one is computed again on the way back there are the values at the beginnings of those
/// before it, and all that it makes itself: the largest such sum is the memory needed. The segments are as long as the
/// least such memory allows that segments filled one after the other can do with (the budget of Chen, Xu, Zhang and
/// Guestrin, 2016, algorithm 3, found by bisection). Values are counted by their
/// elements, an unknown extent as 1.
std::vector<Segment> plan_segments(const std::vector<FusedStep>& steps, const std::vector<ModelNode>& nodes,
                                   const std::vector<std::size_t>& last_use);

}  // namespace xtape
