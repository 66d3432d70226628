#include "training/distributed/gradient_sum.hpp"

#include <utility>

#include "training/distributed/gradient_reduction.hpp"

namespace xtape {
GradientSum::GradientSum(const std::vector<Parameter>& parameters, std::int64_t shards, GradientReduction* reduction)
    : parameters_(parameters), entries_(parameters.size()), shards_left_(shards), reduction_(reduction) {
  for (std::size_t i = 0; i < parameters.size(); ++i) places_.emplace(parameters[i], i);
}

void GradientSum::add(const Parameter& parameter, Tensor gradient) {
  const auto found = places_.find(parameter);
  if (found == places_.end()) return;
  Tensor& sum = entries_[found->second].of_shard;
  if (sum.defined()) {
    add_into(sum, gradient);
  } else {
    sum = std::move(gradient);
  }
  if (last_of_shard_) complete(found->second);
}

void GradientSum::complete(std::size_t index) {
  Entry& entry = entries_[index];
  entry.in_sum = true;
  entry.of_shards.push(std::exchange(entry.of_shard, {}), add_defined);
  if (shards_left_ > 1) return;
  Tensor total = entry.of_shards.total(add_defined);
  entry.present = total.defined();
  if (reduction_) {
    reduction_->add(index, std::move(total));
  } else {
    entry.total = std::move(total);
  }
}

void GradientSum::end_shard() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].in_sum) complete(i);
  }
  for (Entry& entry : entries_) entry.in_sum = false;
  --shards_left_;
}

std::vector<bool> GradientSum::present() const {
  std::vector<bool> present;
  for (const Entry& entry : entries_) present.push_back(entry.present);
  return present;
}

Gradients GradientSum::total(const std::vector<bool>& present) {
  Gradients gradients;
  std::vector<Tensor> sums;
  if (reduction_) {
    sums = reduction_->wait();
  } else {
    for (Entry& entry : entries_) sums.push_back(std::move(entry.total));
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (present[i]) gradients.add(parameters_[i], std::move(sums[i]));
  }
  return gradients;
}

}  // namespace xtape
