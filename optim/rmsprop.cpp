#include "optim/rmsprop.hpp"

#include <algorithm>
#include <cmath>

namespace xtape {
namespace {

std::vector<std::string> slot_names(const RMSpropOptions& options) {
  std::vector<std::string> names{"v"};
  if (options.momentum != 0) names.emplace_back("b");
  if (options.centered) names.emplace_back("a");
  return names;
}

}  // namespace

RMSprop::RMSprop(std::vector<Parameter> parameters, RMSpropOptions options)
    : Optimizer("RMSprop", std::move(parameters),
                {.learning_rate = options.learning_rate,
                 .weight_decay = options.weight_decay,
                 .clip_norm = options.clip_norm,
                 .clip_value = options.clip_value,
                 .groups = options.groups,
                 .ema_momentum = options.ema_momentum},
                slot_names(options)),
      rho_(options.rho),
      momentum_(options.momentum),
      epsilon_(options.epsilon),
      centered_(options.centered),
      epsilon_outside_(options.epsilon_outside) {
  check_fraction("rho", rho_);
  check_fraction("momentum", momentum_);
  check_not_negative("epsilon", epsilon_);
}

std::string RMSprop::settings() const {
  return fmt::format("rho {}, momentum {}, epsilon {}, centered {}, {}{}", rho_, momentum_, epsilon_, centered_,
                     epsilon_outside_ ? "epsilon_outside true, " : "", Optimizer::settings());
}

template <bool centered, bool has_momentum, class T>
void RMSprop::update_as(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  const auto rate = static_cast<T>(step.rate);
  const auto rho = static_cast<T>(rho_);
  const auto fresh = static_cast<T>(1 - rho_);
  const auto u = static_cast<T>(momentum_);
  const auto inside = static_cast<T>(epsilon_outside_ ? 0 : epsilon_), outside = static_cast<T>(epsilon_) - inside;
  T* v = slots.front().mutable_data<T>();
  T* b = has_momentum ? slots[1].mutable_data<T>() : nullptr;
  T* a = centered ? slots.back().mutable_data<T>() : nullptr;
  update_elements<T>(value, gradient, step, [=](std::int64_t i, T& p, T slope) {
    const T g = squarable(slope);
    v[i] = rho * v[i] + fresh * g * g;
    T spread = v[i];
    if constexpr (centered) {
      a[i] = rho * a[i] + fresh * g;
      spread = std::max(spread - a[i] * a[i], T{0});  // rounding can make a variance negative
    }
    T d = rate * g / (std::sqrt(spread + inside) + outside);
    if constexpr (has_momentum) d = b[i] = u * b[i] + d;
    p -= d;
  });
}

void RMSprop::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("RMSprop", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (centered_ && momentum_ > 0) return update_as<true, true, T>(value, gradient, slots, step);
    if (centered_) return update_as<true, false, T>(value, gradient, slots, step);
    if (momentum_ > 0) return update_as<false, true, T>(value, gradient, slots, step);
    return update_as<false, false, T>(value, gradient, slots, step);
  });
}

}  // namespace xtape
