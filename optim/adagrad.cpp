#include "optim/adagrad.hpp"

#include <cmath>

namespace xtape {

Adagrad::Adagrad(std::vector<Parameter> parameters, const AdagradOptions& options)
    : Optimizer("Adagrad", std::move(parameters), common_options(options), {"v"}, options.initial_accumulator_value),
      initial_accumulator_value_(options.initial_accumulator_value),
      epsilon_(options.epsilon),
      epsilon_outside_(options.epsilon_outside) {
  check_not_negative("initial_accumulator_value", initial_accumulator_value_);
  check_not_negative("epsilon", epsilon_);
}

std::string Adagrad::settings() const {
  return fmt::format("initial_accumulator_value {}, epsilon {}, {}{}", initial_accumulator_value_, epsilon_,
                     epsilon_outside_ ? "epsilon_outside true, " : "", Optimizer::settings());
}

void Adagrad::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("Adagrad", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(step.rate);
    const auto inside = static_cast<T>(epsilon_outside_ ? 0 : epsilon_), outside = static_cast<T>(epsilon_) - inside;
    T* v = slots[0].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T slope) {
      const T g = squarable(slope);
      v[i] += g * g;
      p -= rate * g / (std::sqrt(v[i] + inside) + outside);
    });
  });
}

}  // namespace xtape
