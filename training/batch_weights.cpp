#include "training/batch_weights.hpp"

#include <algorithm>

namespace xtape {

Tensor weights_of(const Batch& batch, const std::vector<double>& class_weights) {
  if (class_weights.empty()) return batch.weights;
  std::vector<double> weights(static_cast<std::size_t>(batch.size()), 1);
  if (batch.weights.defined()) weights = batch.weights.to_vector();
  const std::vector<double> labels = batch.labels.to_vector();
  const bool distributions = is_floating(batch.labels.dtype());
  const std::ptrdiff_t classes = std::ssize(class_weights);
  for (std::ptrdiff_t i = 0; i < std::ssize(weights); ++i) {
    const auto row = labels.begin() + (distributions ? i * classes : i);
    const std::ptrdiff_t label =
        distributions ? std::max_element(row, row + classes) - row : static_cast<std::ptrdiff_t>(*row);
    weights[static_cast<std::size_t>(i)] *= class_weights[static_cast<std::size_t>(label)];
  }
  return Tensor::of({batch.size()}, weights, DType::float64);
}

}  // namespace xtape
