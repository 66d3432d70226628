#include "optim/adamax.hpp"

#include <cmath>

namespace xtape {

Adamax::Adamax(std::vector<Parameter> parameters, const AdamaxOptions& options)
    : Optimizer("Adamax", std::move(parameters), common_options(options), {"m", "u"}),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
  check_not_negative("epsilon", epsilon_);
}

std::string Adamax::settings() const {
  return fmt::format("beta1 {}, beta2 {}, epsilon {}, {}", beta1_, beta2_, epsilon_, Optimizer::settings());
}

void Adamax::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  const double corrected = step.rate / (1 - std::pow(beta1_, static_cast<double>(step.number)));
  with_floating("Adamax", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(corrected), epsilon = static_cast<T>(epsilon_);
    const auto new1 = static_cast<T>(1 - beta1_), kept = static_cast<T>(beta2_);
    T* m = slots[0].mutable_data<T>();
    T* u = slots[1].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T g) {
      m[i] += new1 * (g - m[i]);
      const T before = kept * u[i], size = std::abs(g);
      u[i] = before > size ? before : size;
      p -= rate * m[i] / (u[i] + epsilon);
    });
  });
}

}  // namespace xtape
