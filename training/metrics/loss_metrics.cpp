// Metrics that are losses.
#include "framework/ops/classification_losses.hpp"
#include "framework/ops/regression_losses.hpp"
#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/metric.hpp"
#include "training/metrics/metric_parts.hpp"

namespace xtape::metric {
namespace {

/// sign * sum(w l) / sum(w) with the losses l of the samples.
Metric of_loss(const char* name, Variable (*loss)(const Variable&, const Tensor&, const Tensor&), double sign = 1) {
  const auto sums = [name, loss](const Tensor& outputs, const Tensor& targets, const Tensor& weights) {
    check(outputs.defined() && outputs.rank() > 0 && is_floating(outputs.dtype()),
          "{}: expected floating outputs (n, ...), got {}", name, tensor_text(outputs));
    const std::int64_t n = outputs.dim(0);
    const double mean = loss(outputs.to(DType::float64), targets, weights).value().item();
    double all = 0;
    for (const double w : weights_of_positions(name, weights, n, n)) all += w;
    return Tensor::of({2}, {mean * static_cast<double>(n), all}, DType::float64);
  };
  const auto figure = [name, sign](const Tensor& total) {
    check_sums(name, total, total.shape() == Shape{2});
    return total.at({1}) > 0 ? sign * total.at({0}) / total.at({1}) : 0;
  };
  return {name, sums, figure, {.larger_is_better = sign < 0}};
}

}  // namespace

Metric mean_absolute_percentage_error() {
  return of_loss("mean_absolute_percentage_error", xtape::mean_absolute_percentage_error);
}
Metric mean_squared_logarithmic_error() {
  return of_loss("mean_squared_logarithmic_error", xtape::mean_squared_logarithmic_error);
}
Metric log_cosh() { return of_loss("log_cosh", xtape::log_cosh); }
Metric poisson() { return of_loss("poisson", xtape::poisson); }
Metric cosine_similarity() { return of_loss("cosine_similarity", xtape::cosine_similarity, -1); }
Metric hinge() { return of_loss("hinge", xtape::hinge); }
Metric squared_hinge() { return of_loss("squared_hinge", xtape::squared_hinge); }
Metric categorical_hinge() { return of_loss("categorical_hinge", xtape::categorical_hinge); }
Metric kl_divergence() { return of_loss("kl_divergence", xtape::kl_divergence); }

}  // namespace xtape::metric
