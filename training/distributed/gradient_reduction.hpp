// GradientReduction: sums of gradients over ranks, while the backward pass continues.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/autograd/parameter.hpp"
#include "training/distributed/shards.hpp"

namespace xtape {

/// Adds up the gradients of a step over the ranks. Parameters are grouped into buckets, from the last parameter of the
/// model to the first, which is about the order in which the backward pass completes their gradients. A bucket is one
/// message. It starts when its gradients and the buckets before it are complete, so that all ranks start the same ones
/// in the same order.
class GradientReduction {
 public:
  /// For one step; null for one rank.
  static std::unique_ptr<GradientReduction> over(const Shards& shards, const std::vector<Parameter>& parameters);

  /// The rank's gradient of parameter number `index` is complete; undefined: it is 0.
  void add(std::size_t index, Tensor gradient);
  /// The sums, for each parameter, when all are complete.
  std::vector<Tensor> wait();

 private:
};

}  // namespace xtape
