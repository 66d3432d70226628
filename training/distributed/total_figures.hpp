// The figures of all shards.
#pragma once

#include <vector>

#include "training/distributed/ordered_sum.hpp"
#include "training/distributed/shards.hpp"
#include "training/metrics/running_figures.hpp"

namespace xtape {

/// The sum of two, as OrderedSum takes it.
inline void add_figures(RunningFigures& left, const RunningFigures& right) { left.add(right); }

/// The sums of all shards of all ranks, from those of this rank's shards.
inline RunningFigures total_figures(const Objective& objective, std::vector<RunningFigures> own, const Shards& shards) {
  std::vector<RunningFigures> of_ranks;
  for (const std::vector<double>& numbers : shards.gather(ordered_total(std::move(own), add_figures).numbers())) {
    of_ranks.emplace_back(objective).add(std::span(numbers));
  }
  return ordered_total(std::move(of_ranks), add_figures);
}

}  // namespace xtape
