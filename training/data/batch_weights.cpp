#include "training/data/batch_weights.hpp"

#include "training/metrics/metrics.hpp"

namespace xtape {

Tensor weights_of(const Tensor& own, const Tensor& labels, const std::vector<double>& class_weights) {
  if (class_weights.empty()) return own;
  std::vector<double> weights(static_cast<std::size_t>(labels.dim(0)), 1);
  if (own.defined()) weights = own.to_vector();
  const Tensor classes = classes_of_labels(labels);
  const auto* label = classes.data<std::int64_t>();
  for (double& weight : weights) {
    const std::int64_t at = *label++;  // the ignored label may be none of the classes
    if (at >= 0 && at < std::ssize(class_weights)) weight *= class_weights[static_cast<std::size_t>(at)];
  }
  return Tensor::of({labels.dim(0)}, weights, DType::float64);
}

}  // namespace xtape
