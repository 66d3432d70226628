#include "optim/sgd.hpp"

namespace xtape {

SGD::SGD(std::vector<Parameter> parameters, SGDOptions options)
    : Optimizer("SGD", std::move(parameters),
                {.learning_rate = options.learning_rate,
                 .weight_decay = options.weight_decay,
                 .clip_norm = options.clip_norm,
                 .clip_value = options.clip_value,
                 .groups = options.groups,
                 .ema_momentum = options.ema_momentum},
                options.momentum != 0 ? std::vector<std::string>{"v"} : std::vector<std::string>{}),
      momentum_(options.momentum),
      nesterov_(options.nesterov) {
  check_fraction("momentum", momentum_);
  check(!nesterov_ || momentum_ > 0, "SGD: expected momentum above 0 with nesterov, got {}", momentum_);
}

std::string SGD::settings() const {
  return fmt::format("momentum {}, nesterov {}, {}", momentum_, nesterov_, Optimizer::settings());
}

void SGD::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("SGD", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto rate = static_cast<T>(step.rate);
    if (momentum_ == 0) {
      update_elements<T>(value, gradient, step, [=](std::int64_t, T& p, T g) { p -= rate * g; });
      return;
    }
    const auto u = static_cast<T>(momentum_);
    T* v = slots[0].mutable_data<T>();
    if (nesterov_) {
      update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T g) {
        v[i] = u * v[i] - rate * g;
        p += u * v[i] - rate * g;
      });
    } else {
      update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T g) { p += v[i] = u * v[i] - rate * g; });
    }
  });
}

}  // namespace xtape
