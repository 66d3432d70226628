#include "optim/adadelta.hpp"

#include <cmath>

namespace xtape {

Adadelta::Adadelta(std::vector<Parameter> parameters, const AdadeltaOptions& options)
    : Optimizer("Adadelta", std::move(parameters), common_options(options), {"v", "u"}),
      rho_(options.rho),
      epsilon_(options.epsilon) {
  check_fraction("rho", rho_);
  check_not_negative("epsilon", epsilon_);
}

std::string Adadelta::settings() const {
  return fmt::format("rho {}, epsilon {}, {}", rho_, epsilon_, Optimizer::settings());
}

void Adadelta::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("Adadelta", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(step.rate), epsilon = static_cast<T>(epsilon_);
    const auto rho = static_cast<T>(rho_), fresh = static_cast<T>(1 - rho_);
    T* v = slots[0].mutable_data<T>();
    T* u = slots[1].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T slope) {
      const T g = squarable(slope);
      v[i] = rho * v[i] + fresh * g * g;
      const T d = squarable(g * std::sqrt(u[i] + epsilon) / std::sqrt(v[i] + epsilon));
      u[i] = rho * u[i] + fresh * d * d;
      p -= rate * d;
    });
  });
}

}  // namespace xtape
