// StateMean: moving averages and other state after a step of several shards.
#pragma once

#include <vector>

#include "framework/autograd/gradients.hpp"
#include "training/distributed/ordered_sum.hpp"
#include "training/distributed/shards.hpp"

namespace xtape {

/// The new value of a state is the mean of the values that the shards announce, weighted by their shares of the samples
/// and added in the order of OrderedSum. Shards that announce none do not count. Sums are float64.
class StateMean {
 public:
  /// Of any of these parameters.
  explicit StateMean(std::vector<Parameter> parameters);

  /// The next shard of this rank, with this share of all samples, announced these updates.
  void add_shard(const Gradients& updates, double share);
  /// The sum of the shares of this rank's shards that announced a new value, for each parameter.
  std::vector<double> shares();
  /// Announces the means over all ranks to `gradients`; `all_shares` are shares() of every rank, in their order.
  void announce(const std::vector<std::vector<double>>& all_shares, const Shards& shards, Gradients& gradients);

 private:
  struct Sum {
    Tensor values = {};  // times their shares; undefined: 0
    double share = 0;
  };
  static void add(Sum& left, const Sum& right);

  std::vector<Parameter> parameters_;
  std::vector<OrderedSum<Sum>> shards_;
  std::vector<Sum> totals_;
};

}  // namespace xtape
