#include "optim/lamb.hpp"

#include <cmath>

#include "optim/layerwise.hpp"

namespace xtape {

LAMB::LAMB(std::vector<Parameter> parameters, const LAMBOptions& options)
    : Optimizer("LAMB", std::move(parameters), common_options(options, true), {"m", "v"}),
      beta1_(options.beta1),
      beta2_(options.beta2),
      epsilon_(options.epsilon) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
  check_not_negative("epsilon", epsilon_);
}

std::string LAMB::settings() const {
  return fmt::format("beta1 {}, beta2 {}, epsilon {}, {}", beta1_, beta2_, epsilon_, Optimizer::settings());
}

void LAMB::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  const auto t = static_cast<double>(step.number);
  const double correction1 = 1 - std::pow(beta1_, t), correction2 = 1 - std::pow(beta2_, t);
  with_floating("LAMB", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto new1 = static_cast<T>(1 - beta1_), new2 = static_cast<T>(1 - beta2_);
    const auto divisor1 = static_cast<T>(correction1), divisor2 = static_cast<T>(correction2);
    const auto epsilon = static_cast<T>(epsilon_), decay = static_cast<T>(step.decay);
    Tensor direction = Tensor::empty(value.shape(), value.dtype());
    T* r = direction.mutable_data<T>();
    T* m = slots[0].mutable_data<T>();
    T* v = slots[1].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, const T& p, T slope) {
      const T g = squarable(slope);
      m[i] += new1 * (g - m[i]);
      v[i] += new2 * (g * g - v[i]);
      r[i] = m[i] / divisor1 / (std::sqrt(v[i] / divisor2) + epsilon) + decay * p;
    });
    subtract_scaled(value, direction, step.rate * norm_ratio(value, direction));
  });
}

}  // namespace xtape
