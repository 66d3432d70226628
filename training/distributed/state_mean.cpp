#include "training/distributed/state_mean.hpp"

#include <algorithm>
#include <utility>

#include "framework/tensor/elementwise.hpp"

namespace xtape {

StateMean::StateMean(std::vector<Parameter> parameters)
    : parameters_(std::move(parameters)), shards_(parameters_.size()), totals_(parameters_.size()) {}

void StateMean::add(Sum& left, const Sum& right) {
  left.share += right.share;
  add_defined(left.values, right.values);
}

void StateMean::add_shard(const Gradients& updates, double share) {
  std::vector<Sum> next(parameters_.size());
  for (const auto& [parameter, value] : updates.next_state()) {
    const auto found = std::ranges::find(parameters_, parameter);
    check(found != parameters_.end(),
          "fit: expected state updates of parameters of the model, got one of {}, which is none of its parameters",
          parameter.name());
    next[static_cast<std::size_t>(found - parameters_.begin())] = {
        map("fit", value.to(DType::float64), [share](double v) { return share * v; }), share};
  }
  for (std::size_t i = 0; i < next.size(); ++i) shards_[i].push(std::move(next[i]), add);
}

std::vector<double> StateMean::shares() {
  std::vector<double> shares;
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    if (!shards_[i].empty()) totals_[i] = shards_[i].total(add);
    shares.push_back(totals_[i].share);
  }
  return shares;
}

void StateMean::announce(const std::vector<std::vector<double>>& all_shares, const Shards& shards,
                         Gradients& gradients) {
  std::vector<std::size_t> announced;  // by any rank
  std::vector<double> weights;
  std::vector<double> sums;  // of all of them, one after the other
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    std::vector<double> of_ranks;
    for (const std::vector<double>& shares : all_shares) of_ranks.push_back(shares[i]);
    const double weight = ordered_total(std::move(of_ranks), [](double& left, double right) { left += right; });
    if (weight == 0) continue;
    announced.push_back(i);
    weights.push_back(weight);
    const Tensor& values = totals_[i].values;
    if (values.defined()) {
      sums.insert(sums.end(), values.data<double>(), values.data<double>() + values.size());
    } else {
      sums.insert(sums.end(), static_cast<std::size_t>(parameters_[i].shape().size()), 0.0);
    }
  }
  if (announced.empty()) return;
  shards.add_up(sums);
  auto sum = sums.begin();
  for (std::size_t k = 0; k < announced.size(); ++k) {
    const Parameter& parameter = parameters_[announced[k]];
    Tensor mean = Tensor::empty(parameter.shape(), DType::float64);
    std::generate_n(mean.mutable_data<double>(), mean.size(), [&] { return *sum++ / weights[k]; });
    gradients.update(parameter, [mean = mean.to(parameter.dtype())](const Tensor& /*old*/) { return mean; });
  }
}

}  // namespace xtape
