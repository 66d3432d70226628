#include "framework/ops/losses.hpp"

#include <algorithm>
#include <cmath>

#include "framework/autograd/tape.hpp"
#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// One distribution a row: itself, or one-hot rows made from class numbers.
Tensor target_distributions(const Shape& logits, DType dtype, const Tensor& labels) {
  check(logits.rank() == 2 && logits.size() > 0,
        "softmax_cross_entropy: expected logits (n, classes) with n >= 1, got shape {}", logits);
  check(logits[1] > 1,
        "softmax_cross_entropy: expected logits of at least 2 classes, got shape {}, for which the loss is always 0; "
        "for one yes-no answer a sample use sigmoid_cross_entropy",
        logits);
  check(labels.defined(), "softmax_cross_entropy: expected labels, got an undefined tensor");
  if (is_floating(labels.dtype())) {
    check(labels.shape() == logits,
          "softmax_cross_entropy: expected one distribution a row, shape {}, got floating labels {}; class numbers are "
          "int64",
          logits, labels.shape());
    return labels.to(dtype);
  }
  check(labels.dtype() == DType::int64 && labels.shape() == Shape{logits[0]},
        "softmax_cross_entropy: expected int64 labels ({},) for logits {}, got {} {}", logits[0], logits,
        labels.dtype(), labels.shape());
  Tensor targets = Tensor::zeros(logits, dtype);
  with_floating("softmax_cross_entropy", dtype, [&](auto zero) {
    auto* out = targets.mutable_data<decltype(zero)>();
    const std::int64_t* classes = labels.data<std::int64_t>();
    for (std::int64_t i = 0; i < logits[0]; ++i) {
      check(classes[i] >= 0 && classes[i] < logits[1],
            "softmax_cross_entropy: expected labels in [0, {}), got {} at position {}", logits[1], classes[i], i);
      out[i * logits[1] + classes[i]] = 1;
    }
  });
  return targets;
}

/// Mean over the rows of sum_k t_k (log sum_j exp z_j - z_k).
template <class T>
double cross_entropy(const T* logits, const T* targets, std::int64_t rows, std::int64_t classes) {
  double total = 0;
  for (std::int64_t i = 0; i < rows; ++i, logits += classes, targets += classes) {
    const auto largest = static_cast<double>(*std::max_element(logits, logits + classes));
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
    const double log_sum = largest + std::log(sum);
    for (std::int64_t k = 0; k < classes; ++k) {
      if (targets[k] != 0) total += static_cast<double>(targets[k]) * (log_sum - static_cast<double>(logits[k]));
    }
  }
  return total / static_cast<double>(rows);
}

void check_alike(std::string_view function, const Variable& outputs, const Tensor& targets) {
  check(targets.defined() && outputs.shape() == targets.shape() && outputs.size() > 0,
        "{}: expected outputs and targets of one shape with at least one element, got {} and {}", function,
        shape_text(outputs.value()), shape_text(targets));
}

/// Each row of x (n, ...) times its weight.
Variable weighted(std::string_view function, const Variable& x, const Tensor& weights) {
  if (!weights.defined()) return x;
  check(x.value().rank() > 0 && weights.shape() == Shape{x.dim(0)} && is_floating(weights.dtype()),
        "{}: expected floating weights, one for each of the samples of {}, got {}", function, x.shape(),
        tensor_text(weights));
  std::vector<std::int64_t> column(static_cast<std::size_t>(x.value().rank()), 1);
  column[0] = x.dim(0);
  return x * Variable(weights.to(x.dtype()).reshaped(Shape(column)));
}

/// The mean over n rows. It is linear in the targets, so weights and smoothing are theirs.
Variable cross_entropy_of(const Variable& logits, const Variable& targets) {
  const std::int64_t rows = logits.dim(0);
  const double loss = with_floating("softmax_cross_entropy", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return cross_entropy(logits.value().data<T>(), targets.value().data<T>(), rows, logits.dim(1));
  });
  // dlogits = (softmax(logits) * sum(targets) - targets) / n
  return record("softmax_cross_entropy", Tensor::scalar(loss, logits.dtype()),
                {{logits, [logits, targets, rows](const Variable& dy) {
                    const Variable weight = sum(targets, {-1}, true);
                    return dy * ((softmax(logits) * weight - targets) / static_cast<double>(rows));
                  }}});
}

}  // namespace

Variable softmax_cross_entropy(const Variable& logits, const Tensor& labels, const Tensor& weights) {
  const Tensor targets = target_distributions(logits.shape(), logits.dtype(), labels);
  return cross_entropy_of(logits, weighted("softmax_cross_entropy", targets, weights));
}

SmoothedCrossEntropy::SmoothedCrossEntropy(double smoothing) : smoothing_(smoothing) {
  check(smoothing >= 0 && smoothing < 1, "SmoothedCrossEntropy: expected a smoothing in [0, 1), got {}", smoothing);
}

Variable SmoothedCrossEntropy::operator()(const Variable& logits, const Tensor& labels, const Tensor& weights) const {
  const Variable targets = target_distributions(logits.shape(), logits.dtype(), labels);
  const Variable smoothed = (1 - smoothing_) * targets + smoothing_ / static_cast<double>(logits.dim(1));
  return cross_entropy_of(logits, weighted("SmoothedCrossEntropy", smoothed, weights));
}

Variable binary_cross_entropy(const Variable& probabilities, const Tensor& targets, const Tensor& weights) {
  check_alike("binary_cross_entropy", probabilities, targets);
  check_probabilities("binary_cross_entropy", targets);
  constexpr double margin = 1e-7;
  const Variable t = targets.to(probabilities.dtype());
  const Variable p = clip(probabilities, margin, 1 - margin);
  return -mean(weighted("binary_cross_entropy", t * log(p) + (1 - t) * log(1 - p), weights));
}

Variable sigmoid_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights) {
  check_alike("sigmoid_cross_entropy", logits, targets);
  check_probabilities("sigmoid_cross_entropy", targets);
  const Variable losses = softplus(logits) - Variable(targets.to(logits.dtype())) * logits;
  return mean(weighted("sigmoid_cross_entropy", losses, weights));
}

Variable mean_squared_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  check_alike("mean_squared_error", outputs, targets);
  return mean(weighted("mean_squared_error", square(outputs - Variable(targets.to(outputs.dtype()))), weights));
}

}  // namespace xtape
