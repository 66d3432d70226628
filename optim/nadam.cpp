#include "optim/nadam.hpp"

#include <cmath>

namespace xtape {

Nadam::Nadam(std::vector<Parameter> parameters, const NadamOptions& options)
    : Optimizer("Nadam", std::move(parameters), common_options(options), {"m", "v"}),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon),
      momentum_decay_(options.momentum_decay) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
  check_not_negative("epsilon", epsilon_);
  check_not_negative("momentum_decay", momentum_decay_);
}

std::string Nadam::settings() const {
  return fmt::format("beta1 {}, beta2 {}, epsilon {}, {}{}", beta1_, beta2_, epsilon_,
                     momentum_decay_ == 1 ? "" : fmt::format("momentum_decay {}, ", momentum_decay_),
                     Optimizer::settings());
}

double Nadam::momentum_at(std::int64_t t) const {
  return beta1_ * (1 - 0.5 * std::pow(0.96, momentum_decay_ * static_cast<double>(t)));
}

void Nadam::begin_step(std::int64_t number) {
  if (number < step_) step_ = 0, product_ = 1;  // an earlier state was restored
  while (step_ < number && product_ > 0) product_ *= momentum_at(++step_);
  step_ = number;
}

void Nadam::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  const double now = momentum_at(step.number), next = momentum_at(step.number + 1);
  const double of_m = step.rate * next / (1 - product_ * next), of_g = step.rate * (1 - now) / (1 - product_);
  const double correction = 1 - std::pow(beta2_, static_cast<double>(step.number));
  with_floating("Nadam", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto new1 = static_cast<T>(1 - beta1_), new2 = static_cast<T>(1 - beta2_);
    const auto factor_m = static_cast<T>(of_m), factor_g = static_cast<T>(of_g);
    const auto divisor = static_cast<T>(correction), epsilon = static_cast<T>(epsilon_);
    T* m = slots[0].mutable_data<T>();
    T* v = slots[1].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T slope) {
      const T g = squarable(slope);
      m[i] += new1 * (g - m[i]);
      v[i] += new2 * (g * g - v[i]);
      p -= (factor_m * m[i] + factor_g * g) / (std::sqrt(v[i] / divisor) + epsilon);
    });
  });
}

}  // namespace xtape
