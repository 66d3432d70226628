#include "tests/peer/compare.hpp"

#include <ATen/ATen.h>
#include <cmath>
#include <limits>

#include "tests/golden/evaluation.hpp"
#include "tests/peer/layout.hpp"

namespace xtape::peer {

double norm(const Tensor& x) {
  double squares = 0;
  for (const double value : x.to_vector()) squares += value * value;
  return std::sqrt(squares);
}

/// Adds `amount` to one element, which depends on the name.
Tensor Comparison::spoiled(const std::string& name, Tensor theirs, double amount) const {
  if (options_.spoil == 0 || theirs.size() == 0) return theirs;
  const auto which = std::hash<std::string>{}(name) % static_cast<std::size_t>(theirs.size());
  double& element = theirs.mutable_data<double>()[which];
  element += options_.spoil * (amount + std::abs(element));
  return theirs;
}

void Comparison::add(const std::string& name, const Tensor& ours, Tensor theirs) {
  theirs = spoiled(name, std::move(theirs), 1);
  judge(name, theirs, golden::largest_difference(ours, theirs));
}

void Comparison::add_by_norm(const std::string& name, const Tensor& ours, Tensor theirs, double scale) {
  const double denominator = std::max(norm(theirs), scale);
  theirs = spoiled(name, std::move(theirs), denominator);
  if (ours.shape() != theirs.shape()) return judge(name, theirs, std::numeric_limits<double>::infinity());
  const auto u = ours.to_vector();
  const auto v = theirs.to_vector();
  double squares = 0;
  for (std::size_t i = 0; i < u.size(); ++i) squares += (u[i] - v[i]) * (u[i] - v[i]);
  judge(name, theirs, squares == 0 ? 0 : std::sqrt(squares) / denominator);
}

void Comparison::judge(const std::string& name, const Tensor& theirs, double difference) {
  ++arrays_;
  elements_ += theirs.size();
  if (!(difference <= worst_)) {
    worst_ = difference;
    worst_name_ = name;
  }
  if (!(difference <= options_.tolerance)) {
    differences_.push_back(
        fmt::format("{}: differs by {:.2e}, allowed is {:.0e}", name, difference, options_.tolerance));
  }
}

void Comparison::fail_with(const std::string& what) { differences_.push_back(what); }

void Comparison::add(const Case& configuration, std::uint64_t seed) {
  ++cases_;
  try {
    const TorchEvaluation theirs = evaluate_theirs(configuration.theirs, configuration.inputs, seed);
    const auto ours = golden::evaluate(configuration.ours, configuration.inputs, theirs.cotangent);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      add(configuration.name + ": " + ours[i].name, ours[i].tensor, theirs.arrays[i].tensor);
    }
  } catch (const std::exception& error) {
    const std::string message = error.what();  // the first line of PyTorch's message; a list of addresses follows
    fail_with(configuration.name + ": " + message.substr(0, message.find('\n')));
  }
}

std::string Comparison::summary() const {
  return fmt::format("{}{} arrays, {} elements, {} differ; largest difference {:.1e}{}",
                     cases_ > 0 ? fmt::format("{} configurations, ", cases_) : "", arrays_, elements_,
                     differences_.size(), worst_, worst_ > 0 ? " in " + worst_name_ : "");
}

Comparison compare(const Cases& cases, const ComparisonOptions& options) {
  Comparison comparison(options);
  std::uint64_t seed = 0;
  for (const Case& configuration : cases) comparison.add(configuration, ++seed);
  return comparison;
}

TorchEvaluation evaluate_theirs(const TorchFunction& function, const std::vector<Tensor>& inputs, std::uint64_t seed) {
  std::vector<at::Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(to_torch(input).requires_grad_(true));
  const at::Tensor y = function.call()(leaves);
  TorchEvaluation result{RandomStream(seed).normal(from_torch(y).shape(), 0, 1, DType::float64), {}};
  result.arrays.push_back({"output", from_torch(y)});
  if (y.requires_grad()) y.backward(to_torch(result.cotangent));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor& gradient = leaves[i].grad();
    result.arrays.push_back({fmt::format("gradient {}", i), gradient.defined()
                                                                ? from_torch(gradient)
                                                                : Tensor::zeros(inputs[i].shape(), DType::float64)});
  }
  return result;
}

}  // namespace xtape::peer
