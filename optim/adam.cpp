#include "optim/adam.hpp"

#include <cmath>

namespace xtape {

Adam::Adam(std::vector<Parameter> parameters, AdamOptions options) : Adam("Adam", std::move(parameters), options, 0) {}

Adam::Adam(std::string name, std::vector<Parameter> parameters, const AdamOptions& options, double decoupled_decay)
    : Optimizer(std::move(name), std::move(parameters),
                {.learning_rate = options.learning_rate, .l2 = options.weight_decay, .clip_norm = options.clip_norm},
                {"m", "v"}),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon),
      decoupled_decay_(decoupled_decay) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
  check_not_negative("epsilon", epsilon_);
  check_not_negative("weight_decay", decoupled_decay_);
}

std::string Adam::settings() const {
  return fmt::format("beta1 {}, beta2 {}, epsilon {}, decoupled weight_decay {}, {}", beta1_, beta2_, epsilon_,
                     decoupled_decay_, Optimizer::settings());
}

void Adam::update(const Parameter& parameter, std::span<Tensor> slots, const Step& step) {
  const auto t = static_cast<double>(step.number);
  const double rate_t = step.rate * std::sqrt(1 - std::pow(beta2_, t)) / (1 - std::pow(beta1_, t));
  with_floating("Adam", parameter.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(rate_t);
    const auto kept = static_cast<T>(1 - step.rate * decoupled_decay_);
    const auto new1 = static_cast<T>(1 - beta1_);
    const auto new2 = static_cast<T>(1 - beta2_);
    const auto epsilon = static_cast<T>(epsilon_);
    T* m = slots[0].mutable_data<T>();
    T* v = slots[1].mutable_data<T>();
    update_elements<T>(parameter, step, [=](std::int64_t i, T& p, T gradient) {
      const T g = squarable(gradient);
      m[i] += new1 * (g - m[i]);
      v[i] += new2 * (g * g - v[i]);
      p = kept * p - rate * m[i] / (std::sqrt(v[i]) + epsilon);
    });
  });
}

AdamW::AdamW(std::vector<Parameter> parameters, const AdamWOptions& options)
    : Adam("AdamW", std::move(parameters),
           {.learning_rate = options.learning_rate,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .epsilon = options.epsilon,
            .weight_decay = 0,
            .clip_norm = options.clip_norm},
           options.weight_decay) {}

}  // namespace xtape
