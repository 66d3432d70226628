// GradientReduction: sums of gradients over ranks, while the backward pass continues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "framework/autograd/parameter.hpp"
#include "training/distributed/distributed.hpp"

namespace xtape {

/// Adds up the gradients of a step over the ranks. Parameters are grouped into buckets, from the last one to the first,
/// which is about the order in which a backward pass completes their gradients. A bucket is one message. It starts when
/// its gradients are complete and the buckets before it have started, so that all ranks start the same ones in the same
/// order. If the ranks also meet in the layers of the backward pass, then all buckets start after it: where a parameter
/// has no gradient on one rank only, its bucket would start between other layers there.
class GradientReduction {
 public:
  /// For each parameter, what this rank's rounded gradients lack so far.
  using Residuals = std::unordered_map<Parameter, Tensor>;
  /// For one step on several ranks. `overlap`: buckets start during the backward pass.
  GradientReduction(const Distributed& distributed, const std::vector<Parameter>& parameters, Residuals& residuals,
                    bool overlap);

  /// This rank's gradient of parameter number `index` is complete; undefined: it is 0.
  void add(std::size_t index, Tensor gradient);
  /// The sums, for each parameter. All have been added.
  std::vector<Tensor> wait();

 private:
  struct Bucket {
    std::vector<std::size_t> members = {};  // parameters
    std::int64_t elements = 0, bytes = 0;
    std::size_t missing = 0;  // gradients that are not complete
    PendingTensor sum = {};
  };
  void start(Bucket& bucket);
  Tensor with_residual(std::size_t index);

  const Distributed& distributed_;
  const std::vector<Parameter>& parameters_;
  Residuals& residuals_;
  std::vector<Tensor> gradients_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;  // for each parameter
  bool overlap_;
  std::size_t added_ = 0;    // gradients
  std::size_t started_ = 0;  // buckets
};

}  // namespace xtape
