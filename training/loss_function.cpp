#include "training/loss_function.hpp"

#include <utility>

namespace xtape {

LossFunction::Weighted LossFunction::without_weights(std::function<Variable(const Variable&, const Tensor&)> function) {
  if (!function) return nullptr;
  return [function = std::move(function)](const Variable& outputs, const Tensor& labels, const Tensor& weights) {
    check(!weights.defined(),
          "LossFunction: expected a loss(outputs, labels, weights) for data with weights, got one of two arguments");
    return function(outputs, labels);
  };
}

Variable LossFunction::operator()(const Variable& outputs, const Tensor& labels, const Tensor& weights) const {
  check(static_cast<bool>(function_), "LossFunction: expected a loss function, got an empty one");
  Variable loss = function_(outputs, labels, weights);
  check(loss.value().defined(),
        "LossFunction: expected the loss to return a variable of one element, got one of an undefined tensor");
  return loss;
}

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
