#include "optim/adam.hpp"

#include <cmath>

namespace xtape {

Adam::Adam(std::vector<Parameter> parameters, AdamOptions options)
    : Adam("Adam", std::move(parameters), std::move(options), false) {}

Adam::Adam(std::string name, std::vector<Parameter> parameters, AdamOptions options, bool decoupled_decay)
    : Optimizer(std::move(name), std::move(parameters),
                {.learning_rate = std::move(options.learning_rate),
                 .weight_decay = options.weight_decay,
                 .clip_norm = options.clip_norm,
                 .clip_value = options.clip_value,
                 .decoupled_decay = decoupled_decay,
                 .groups = std::move(options.groups),
                 .ema_momentum = options.ema_momentum},
                {"m", "v"}),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
  check_not_negative("epsilon", epsilon_);
}

std::string Adam::settings() const {
  return fmt::format("beta1 {}, beta2 {}, epsilon {}, {}", beta1_, beta2_, epsilon_, Optimizer::settings());
}

void Adam::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  const auto t = static_cast<double>(step.number);
  const double rate_t = step.rate * std::sqrt(1 - std::pow(beta2_, t)) / (1 - std::pow(beta1_, t));
  with_floating("Adam", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(rate_t);
    const auto kept = static_cast<T>(1 - step.rate * step.decay);
    const auto new1 = static_cast<T>(1 - beta1_);
    const auto new2 = static_cast<T>(1 - beta2_);
    const auto epsilon = static_cast<T>(epsilon_);
    T* m = slots[0].mutable_data<T>();
    T* v = slots[1].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T slope) {
      const T g = squarable(slope);
      m[i] += new1 * (g - m[i]);
      v[i] += new2 * (g * g - v[i]);
      p = kept * p - rate * m[i] / (std::sqrt(v[i]) + epsilon);
    });
  });
}

AdamW::AdamW(std::vector<Parameter> parameters, AdamWOptions options)
    : Adam("AdamW", std::move(parameters),
           {.learning_rate = std::move(options.learning_rate),
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .epsilon = options.epsilon,
            .weight_decay = options.weight_decay,
            .clip_norm = options.clip_norm,
            .clip_value = options.clip_value,
            .groups = std::move(options.groups),
            .ema_momentum = options.ema_momentum},
           true) {}

}  // namespace xtape
