#include "optim/lars.hpp"

#include <cmath>

#include "framework/tensor/norm.hpp"
#include "optim/layerwise.hpp"

namespace xtape {

LARS::LARS(std::vector<Parameter> parameters, const LARSOptions& options)
    : Optimizer("LARS", std::move(parameters), common_options(options, true), {"v"}),
      momentum_(options.momentum),
      trust_coefficient_(options.trust_coefficient),
      adapt_vectors_(options.adapt_vectors) {
  check_fraction("momentum", momentum_);
  check(trust_coefficient_ > 0 && std::isfinite(trust_coefficient_),
        "LARS: expected a finite trust_coefficient above 0, got {}", trust_coefficient_);
}

std::string LARS::settings() const {
  return fmt::format("momentum {}, trust_coefficient {}, adapt_vectors {}, {}", momentum_, trust_coefficient_,
                     adapt_vectors_, Optimizer::settings());
}

void LARS::update(Tensor& value, const Tensor& gradient, std::span<Tensor> slots, const Step& step) const {
  with_floating("LARS", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Tensor clipped = Tensor::empty(value.shape(), value.dtype());
    T* g = clipped.mutable_data<T>();
    update_elements<T>(value, gradient, step, [=](std::int64_t i, const T&, T slope) { g[i] = slope; });
    double ratio = 1;
    if (adapt_vectors_ || value.rank() > 1) {
      const double of_value = norm_of({value}), divisor = norm_of({clipped}) + step.decay * of_value;
      if (of_value > 0 && divisor > 0) ratio = trust_coefficient_ * of_value / divisor;
    }
    const double rate = step.rate * ratio;  // float32 may be too small for the ratio
    const auto decay = static_cast<T>(step.decay);
    const auto kept = static_cast<T>(momentum_);
    T* p = value.mutable_data<T>();
    T* v = slots[0].mutable_data<T>();
    kernels::parallel_for(value.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        v[i] = kept * v[i] + static_cast<T>(rate * (g[i] + decay * p[i]));
        p[i] -= v[i];
      }
    });
  });
}

}  // namespace xtape
