#include "optim/lion.hpp"

namespace xtape {

Lion::Lion(std::vector<Parameter> parameters, const LionOptions& options)
    : Optimizer("Lion", std::move(parameters), common_options(options, true), {"m"}),
      beta1_(options.beta1),
      beta2_(options.beta2) {
  check_fraction("beta1", beta1_);
  check_fraction("beta2", beta2_);
}

std::string Lion::settings() const {
  return fmt::format("beta1 {}, beta2 {}, {}", beta1_, beta2_, Optimizer::settings());
}

void Lion::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("Lion", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(step.rate), kept = static_cast<T>(1 - step.rate * step.decay);
    const auto old1 = static_cast<T>(beta1_), new1 = static_cast<T>(1 - beta1_);
    const auto old2 = static_cast<T>(beta2_), new2 = static_cast<T>(1 - beta2_);
    T* m = slots[0].mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T g) {
      const T direction = old1 * m[i] + new1 * g;
      const T sign = direction > 0 ? T{1} : direction < 0 ? T{-1} : direction;  // 0, or NaN
      p = kept * p - rate * sign;
      m[i] = old2 * m[i] + new2 * g;
    });
  });
}

}  // namespace xtape
