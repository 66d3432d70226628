#include "training/distributed/sharded_optimizer.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "framework/communication/communicator.hpp"
#include "training/distributed/packing.hpp"

namespace xtape {
namespace {

/// A rank for each parameter: the largest first, each to the rank that has the least. Frozen ones need no slots.
std::vector<int> balanced(const std::vector<Parameter>& parameters, int ranks) {
  std::vector<std::size_t> order(parameters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size_of = [&](std::size_t i) { return parameters[i].trainable() ? parameters[i].shape().size() : 0; };
  std::ranges::stable_sort(order, std::greater(), size_of);
  std::vector<std::int64_t> load(static_cast<std::size_t>(ranks), 0);
  std::vector<int> owners(parameters.size());
  for (const std::size_t i : order) {
    const auto least = std::ranges::min_element(load);
    *least += size_of(i);
    owners[i] = static_cast<int>(least - load.begin());
  }
  return owners;
}

}  // namespace

ShardedOptimizer::ShardedOptimizer(Optimizer& optimizer, const Shards& shards)
    : optimizer_(optimizer), shards_(shards), owners_(balanced(optimizer.parameters(), shards.ranks())) {
  std::vector<Parameter> kept;
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    if (owners_[i] == shards.rank()) kept.push_back(optimizer.parameters()[i]);
  }
  optimizer.keep_slots_of(kept);
}

void ShardedOptimizer::step(const Gradients& gradients) {
  optimizer_.step_kept(gradients);
  // the new values in the order of the ranks: each sends its own, and all arrive one after the other
  std::vector<Parameter> updated;
  std::int64_t before = 0, own = 0;
  for (int rank = 0; rank < shards_.ranks(); ++rank) {
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const Parameter& parameter = optimizer_.parameters()[i];
      if (owners_[i] != rank || !gradients.contains(parameter)) continue;
      updated.push_back(parameter);
      if (rank < shards_.rank()) before += parameter.shape().size();
      if (rank == shards_.rank()) own += parameter.shape().size();
    }
  }
  const bool narrow = std::ranges::all_of(updated, [](const Parameter& p) { return p.dtype() == DType::float32; });
  Tensor message = Tensor::empty({own}, narrow ? DType::float32 : DType::float64);
  std::int64_t begin = 0;
  for (const Parameter& parameter : updated) {
    if (begin >= before && begin < before + own) pack(parameter.value().to(message.dtype()), begin - before, message);
    begin += parameter.shape().size();
  }
  const Tensor all = shards_.communicator()->all_gather(message);
  begin = 0;
  for (const Parameter& parameter : updated) {
    if (begin < before || begin >= before + own) {
      parameter.set_value(unpacked(all, begin, parameter.shape()).to(parameter.dtype()));
    }
    begin += parameter.shape().size();
  }
}

std::vector<std::pair<std::string, Tensor>> ShardedOptimizer::gathered_state(bool wanted) const {
  const std::vector<std::pair<std::string, Tensor>> state = optimizer_.named_state();
  const std::map<std::string, Tensor> own(state.begin(), state.end());
  const std::vector<Parameter>& parameters = optimizer_.parameters();
  std::vector<double> exists;  // for each slot of each parameter, on any rank
  for (const Parameter& parameter : parameters) {
    for (const std::string& name : optimizer_.state_names(parameter)) exists.push_back(own.contains(name) ? 1 : 0);
  }
  shards_.add_up(exists);
  std::vector<std::pair<std::string, Tensor>> all;
  auto on_any_rank = exists.begin();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (const std::string& name : optimizer_.state_names(parameters[i])) {
      if (*on_any_rank++ == 0) continue;
      const auto found = own.find(name);
      Tensor slot = found == own.end() ? Tensor::empty(parameters[i].shape(), parameters[i].dtype()) : found->second;
      slot = shards_.communicator()->broadcast(std::move(slot), owners_[i]);
      if (wanted) all.emplace_back(name, std::move(slot));
    }
  }
  return all;
}

void ShardedOptimizer::complete() { optimizer_.restore(optimizer_.iterations(), gathered_state(true)); }

}  // namespace xtape
