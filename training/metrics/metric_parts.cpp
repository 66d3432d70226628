#include "training/metrics/metric_parts.hpp"

#include "framework/tensor/tensor_text.hpp"

namespace xtape::metric {

void check_sums(std::string_view name, const Tensor& total, bool fits) {
  check(fits, "{}: expected its own sums, got {}", name, tensor_text(total));
}

void check_numbers(std::string_view name, const Tensor& outputs, const Tensor& targets) {
  check(outputs.defined() && targets.defined() && is_floating(outputs.dtype()) && is_floating(targets.dtype()) &&
            outputs.rank() >= 1 && outputs.size() > 0 && outputs.shape() == targets.shape(),
        "{}: expected floating outputs and targets (n, ...) of one shape, got {} and {}", name, tensor_text(outputs),
        tensor_text(targets));
}

std::vector<double> weights_of_positions(std::string_view name, const Tensor& weights, std::int64_t samples,
                                         std::int64_t positions) {
  check(!weights.defined() || (is_floating(weights.dtype()) && weights.shape() == Shape{samples}),
        "{}: expected floating weights ({},), got {}", name, samples, tensor_text(weights));
  std::vector<double> all(static_cast<std::size_t>(positions), 1);
  if (!weights.defined()) return all;
  const std::vector<double> given = weights.to_vector();
  const auto of_sample = static_cast<std::size_t>(positions / samples);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = given[i / of_sample];
  return all;
}

}  // namespace xtape::metric
