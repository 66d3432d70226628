#include "tests/golden/evaluation.hpp"

#include <cmath>
#include <limits>

#include "framework/autograd/forward_pass.hpp"

namespace xtape::golden {

std::vector<NamedTensor> evaluate(const DifferentiableFunction& function, const std::vector<Tensor>& inputs,
                                  const Tensor& cotangent) {
  ForwardPass pass(Mode::training);
  std::vector<Variable> watched;
  for (const Tensor& input : inputs) watched.push_back(pass.watch(input));
  const Variable y = function(watched);
  check(y.shape() == cotangent.shape(), "evaluate: expected an output of shape {}, got {}", cotangent.shape(),
        y.shape());
  if (y.tracked()) pass.backward(y, cotangent);
  std::vector<NamedTensor> arrays{{"output", y.value()}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor gradient = y.tracked() ? pass.gradient(watched[i]) : Tensor::zeros(inputs[i].shape(), y.dtype());
    arrays.push_back({fmt::format("gradient {}", i), gradient});
  }
  return arrays;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  const auto u = a.to_vector();
  const auto v = b.to_vector();
  double most = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (u[i] == v[i]) continue;
    const double difference = std::abs(u[i] - v[i]) / (1 + std::abs(v[i]));
    most = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(most, difference);
  }
  return most;
}

}  // namespace xtape::golden
