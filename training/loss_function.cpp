#include "training/loss_function.hpp"

#include <utility>

namespace xtape {

std::string to_string(const LossFunction& loss) {
  if (const auto* smoothed = loss.target<SmoothedCrossEntropy>()) {
    return fmt::format("SmoothedCrossEntropy of {}", smoothed->smoothing());
  }
  using Plain = Variable (*)(const Variable&, const Tensor&, const Tensor&);
  const auto* plain = loss.target<Plain>();
  for (const auto& [name, known] : {std::pair<const char*, Plain>{"softmax_cross_entropy", softmax_cross_entropy},
                                    {"binary_cross_entropy", binary_cross_entropy},
                                    {"sigmoid_cross_entropy", sigmoid_cross_entropy},
                                    {"mean_squared_error", mean_squared_error}}) {
    if (plain && *plain == known) return name;
  }
  return "of one's own";
}

}  // namespace xtape
