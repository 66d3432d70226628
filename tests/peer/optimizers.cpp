#include "tests/peer/optimizers.hpp"

#include <ATen/ATen.h>
#include <cmath>
#include <map>
#include <memory>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "tests/golden/golden_cases.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/layout.hpp"

namespace xtape::peer {
namespace {

namespace optim = torch::optim;
using Parameters = std::vector<at::Tensor>;

/// Changes the parameters with their gradients. Steps are counted from 1.
using Step = std::function<void(int number)>;
using StepMaker = std::function<Step(const Parameters&)>;

template <class Kind, class Options>
StepMaker by_torch(const Options& options) {
  return [options](const Parameters& parameters) -> Step {
    return [optimizer = std::make_shared<Kind>(parameters, options)](int) { optimizer->step(); };
  };
}

/// Adam's epsilon: Keras adds it to sqrt(v), PyTorch to sqrt(v / (1 - beta2^t)). So PyTorch's formula with epsilon /
/// sqrt(1 - beta2^t) at step t is Keras's with epsilon.
template <class Kind, class Options>
StepMaker by_torch_with_epsilon_hat(Options options, double epsilon) {
  return [options, epsilon](const Parameters& parameters) -> Step {
    return [optimizer = std::make_shared<Kind>(parameters, options), epsilon](int number) {
      auto& now = static_cast<Options&>(optimizer->param_groups()[0].options());
      now.eps(epsilon / std::sqrt(1 - std::pow(std::get<1>(now.betas()), number)));
      optimizer->step();
    };
  };
}

/// Computed by the definition, because PyTorch adds epsilon outside of the square root: p -= b, b = u b + rate g /
/// sqrt(spread + epsilon), with v and a the moving averages of g^2 and g, and spread v or v - a^2.
StepMaker rmsprop_by_definition(double rate, double rho, double u, double epsilon, bool centered) {
  return [=](const Parameters& parameters) -> Step {
    std::vector<at::Tensor> v, a, b;
    for (const at::Tensor& p : parameters) {
      for (auto* slot : {&v, &a, &b}) slot->push_back(at::zeros_like(p));
    }
    return [=](int) mutable {
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        const at::Tensor g = parameters[i].grad();
        v[i] = rho * v[i] + (1 - rho) * g * g;
        a[i] = rho * a[i] + (1 - rho) * g;
        b[i] = u * b[i] + rate * g / at::sqrt(v[i] - (centered ? 1 : 0) * a[i] * a[i] + epsilon);
        parameters[i].data().sub_(b[i]);
      }
    };
  };
}

/// Computed by the definition, because PyTorch's clip_grad_norm_ divides by the norm plus 1e-6.
StepMaker clipped_sgd_by_definition(double rate, double clip_norm) {
  return [=](const Parameters& parameters) -> Step {
    return [=](int) {
      std::vector<at::Tensor> gradients;
      for (const at::Tensor& p : parameters) gradients.push_back(p.grad().reshape({-1}));
      const double norm = at::cat(gradients).norm().item<double>();
      for (const at::Tensor& p : parameters) p.data().sub_(rate * std::min(1.0, clip_norm / norm) * p.grad());
    };
  };
}

const std::map<std::string, StepMaker>& peers() {
  static const std::map<std::string, StepMaker> all{
      {"SGD", by_torch<optim::SGD>(optim::SGDOptions(0.1))},
      {"SGD, weight decay", by_torch<optim::SGD>(optim::SGDOptions(0.1).weight_decay(0.2))},
      {"SGD, momentum", by_torch<optim::SGD>(optim::SGDOptions(0.1).momentum(0.8))},
      {"SGD, nesterov", by_torch<optim::SGD>(optim::SGDOptions(0.1).momentum(0.8).nesterov(true).weight_decay(0.2))},
      {"SGD, clipped", clipped_sgd_by_definition(0.1, 2)},
      {"Adam", by_torch_with_epsilon_hat<optim::Adam>(optim::AdamOptions(0.1).betas({0.8, 0.95}), 0.01)},
      {"Adam, epsilon 0", by_torch<optim::Adam>(optim::AdamOptions(0.1).eps(0))},
      {"Adam, weight decay", by_torch<optim::Adam>(optim::AdamOptions(0.1).eps(0).weight_decay(0.2))},
      {"AdamW", by_torch_with_epsilon_hat<optim::AdamW>(optim::AdamWOptions(0.1).weight_decay(0.2), 0.01)},
      {"RMSprop", rmsprop_by_definition(0.1, 0.9, 0, 0.01, false)},
      {"RMSprop, epsilon 0", by_torch<optim::RMSprop>(optim::RMSpropOptions(0.1).alpha(0.8).eps(0).weight_decay(0.2))},
      {"RMSprop, momentum", by_torch<optim::RMSprop>(optim::RMSpropOptions(0.1).alpha(0.9).eps(0).momentum(0.8))},
      {"RMSprop, centered", rmsprop_by_definition(0.1, 0.9, 0.8, 0.01, true)}};
  return all;
}

}  // namespace

Tensor torch_trajectory(const std::string& name, const Tensor& initial, const Tensor& gradients) {
  check(peers().contains(name), "torch_trajectory: expected a known optimizer, got {}", name);
  Parameters parameters;
  for (const at::Tensor& row : to_torch(initial).unbind(0)) parameters.push_back(row.clone().requires_grad_(true));
  const Step step = peers().at(name)(parameters);
  std::vector<at::Tensor> states;
  int number = 0;
  for (const at::Tensor& now : to_torch(gradients).unbind(0)) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].mutable_grad() = now[static_cast<std::int64_t>(i)].clone();
    }
    step(++number);
    for (const at::Tensor& parameter : parameters) states.push_back(parameter.detach().clone());
  }
  return from_torch(at::stack(states).reshape(to_torch(gradients).sizes()));
}

Comparison compare_optimizers(std::uint64_t seed, const ComparisonOptions& options) {
  Draw draw(seed);
  Comparison comparison(options);
  for (const auto& [name, make] : golden::golden_optimizers()) {
    for (const std::int64_t n : {1, 7, 40}) {
      const Tensor initial = draw.normal({2, n});
      const Tensor gradients = draw.normal({10, 2, n}, 0.3);
      comparison.add(fmt::format("{}, {} values", name, 2 * n), golden::trajectory(make, initial, gradients),
                     torch_trajectory(name, initial, gradients));
    }
  }
  return comparison;
}

}  // namespace xtape::peer
