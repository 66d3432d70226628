// GradientSum: the gradients of a step, added over its batches, its shards and the ranks.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "framework/autograd/gradients.hpp"
#include "training/distributed/ordered_sum.hpp"

namespace xtape {

class GradientReduction;

/// Takes the gradients of a rank's shards, one shard after the other. Those of a shard's batches are added in their
/// order, those of shards in the order of OrderedSum. In the rank's last backward pass a parameter's sum is complete
/// with its gradient, and its reduction over the ranks begins while that pass continues.
class GradientSum {
 public:
  /// For a step with so many shards on this rank. `reduction` adds up over the ranks; null: there is one rank. It is
  /// not owned.
  GradientSum(const std::vector<Parameter>& parameters, std::int64_t shards, GradientReduction* reduction);

  /// The backward pass of a batch begins; `last`: it is the last one of its shard.
  void begin_batch(bool last) { last_of_shard_ = last; }
  /// A gradient of this batch. It is dropped if the parameter is none of those given.
  void add(const Parameter& parameter, Tensor gradient);
  /// All batches of the shard are done. Parameters without a gradient have the gradient 0 in this shard.
  void end_shard();

  /// For each parameter, whether any of this rank's shards had a gradient.
  std::vector<bool> present() const;
  /// The sums over all shards of all ranks, of the parameters that are `present` on any rank. Waits for the reduction.
  Gradients total(const std::vector<bool>& present);

 private:
  struct Entry {
    Tensor of_shard = {};  // the sum over its batches so far; undefined: 0
    bool in_sum = false;   // whether it is in of_shards
    OrderedSum<Tensor> of_shards = {};
    bool present = false;  // whether a shard had a gradient
    Tensor total = {};     // over the rank's shards; undefined: in the reduction
  };
  void complete(std::size_t index);

  const std::vector<Parameter>& parameters_;
  std::unordered_map<Parameter, std::size_t> places_;
  std::vector<Entry> entries_;
  std::int64_t shards_left_;
  bool last_of_shard_ = true;
  GradientReduction* reduction_;
};

}  // namespace xtape
