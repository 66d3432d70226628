#include "framework/ops/classification_losses.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/ops/activations.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/comparison.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/label_checks.hpp"
#include "framework/ops/loss_parts.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"

namespace xtape {
namespace {

/// Targets -1 and 1. Error for other numbers than -1, 0 and 1, or a mixture of -1 and 0.
Tensor signs(std::string_view function, const Variable& outputs, const Tensor& targets) {
  check_alike(function, outputs, targets);
  check_signs(function, targets);
  return map(function, targets.to(DType::float64), [](double t) { return t == 0 ? -1 : t; });
}

/// Distributions (n, ..., classes) in float64 from distributions or class numbers.
Tensor distributions(std::string_view function, const Variable& outputs, const Tensor& targets) {
  check(outputs.rank() >= 2 && outputs.size() > 0 && outputs.dim(-1) > 1,
        "{}: expected outputs (n, ..., classes) of at least 2 classes, got shape {}", function, outputs.shape());
  check(targets.defined(), "{}: expected targets, got an undefined tensor", function);
  if (targets.dtype() == DType::int64 && targets.shape() == outputs.shape().without(-1)) {
    return one_hot(targets, outputs.dim(-1), DType::float64);
  }
  check(is_floating(targets.dtype()) && targets.shape() == outputs.shape(),
        "{}: expected int64 class numbers {} or floating distributions {}, got {} {}", function,
        outputs.shape().without(-1), outputs.shape(), targets.dtype(), targets.shape());
  check_probabilities(function, targets);
  return targets.to(DType::float64);
}

void check_focal(std::string_view function, const FocalOptions& options) {
  check(options.gamma >= 0 && std::isfinite(options.gamma), "{}: expected a finite gamma of at least 0, got {}",
        function, options.gamma);
  check(options.alpha >= 0 && options.alpha <= 1, "{}: expected an alpha in [0, 1], got {}", function, options.alpha);
  check_label_smoothing(function, options.label_smoothing);
}

/// q^p, where 0^0 is 1 and a negative power of 0, which is multiplied with 0, is 0.
double power(double q, double p) { return q == 0 && p < 0 ? 0 : std::pow(q, p); }

/// (1 - q)^gamma times the cross entropy as a function of one logit, and its first two derivatives.
struct FocalTerm {
  double value, slope, bend;
  FocalTerm(double z, double t, double gamma) {
    const double e = std::exp(-std::abs(z)), small = e / (1 + e), large = 1 / (1 + e);
    const double p = z > 0 ? large : small, rest = z > 0 ? small : large;
    const double entropy = share_of(z > 0 ? 1 - t : t, std::abs(z)) + std::log1p(e);
    const double entropy1 = z > 0 ? (1 - t) - small : small - t, entropy2 = p * rest;
    const double wrong = t * rest + (1 - t) * p, wrong1 = (1 - 2 * t) * p * rest, wrong2 = wrong1 * (rest - p);
    const double f = power(wrong, gamma), f1 = gamma * power(wrong, gamma - 1);
    const double f2 = gamma * (gamma - 1) * power(wrong, gamma - 2);
    value = share_of(f, entropy);
    slope = share_of(f1 * wrong1, entropy) + f * entropy1;
    bend = share_of(f2 * wrong1 * wrong1 + f1 * wrong2, entropy) + 2 * f1 * wrong1 * entropy1 + f * entropy2;
  }
};

/// 1 - ratio(p, t, axes) as the loss of samples, or of the whole batch.
template <class Ratio>
Variable overlap_loss(std::string_view name, const Variable& probabilities, const Tensor& targets,
                      const Tensor& weights, bool whole_batch, Ratio ratio) {
  check_alike(name, probabilities, targets);
  check_probabilities(name, targets);
  check(probabilities.rank() >= 2, "{}: expected outputs (n, ...), got shape {}", name, probabilities.shape());
  check(!whole_batch || !weights.defined(), "{}: expected no weights of samples with whole_batch, got weights", name);
  const Variable p = counted(name, probabilities, weights);
  const Tensor t = targets.to(DType::float64);
  std::vector<int> axes;
  for (int axis = whole_batch ? 0 : 1; axis < p.rank(); ++axis) axes.push_back(axis);
  return mean_of_positions(name, 1.0 - ratio(p, Variable(t), axes), weights, probabilities.dtype());
}

}  // namespace

Variable hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "hinge";
  return elementwise_loss(
      name, outputs, signs(name, outputs, targets), weights,
      [](double x, double t) { return t * x > 1 ? 0 : 1 - t * x; },
      slope_of(
          name, [](double x, double t) { return t * x < 1       ? -t
                                                : std::isnan(x) ? x
                                                                : 0; },
          [](double, double) { return 0.0; }));
}

Variable squared_hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "squared_hinge";
  return elementwise_loss(
      name, outputs, signs(name, outputs, targets), weights,
      [](double x, double t) { return t * x > 1 ? 0 : (1 - t * x) * (1 - t * x); },
      slope_of(
          name, [](double x, double t) { return t * x > 1 ? 0 : -2 * t * (1 - t * x); },
          [](double x, double t) { return t * x > 1 ? 0 : 2 * t * t; }));
}

Variable categorical_hinge(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "categorical_hinge";
  const Variable t = distributions(name, outputs, targets), x = counted(name, outputs, weights);
  const Variable none = Tensor::scalar(0, x.dtype());  // a share of 0 of an infinite score
  const Variable others = where(t < 1, x, none), own = where(t > 0, x, none);
  const Variable margin = max((1.0 - t) * others, {-1}) - sum(t * own, {-1}) + 1.0;
  return mean_of_positions(name, relu(margin), weights, outputs.dtype());
}

Variable kl_divergence(const Variable& probabilities, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "kl_divergence";
  check_alike(name, probabilities, targets);
  check_probabilities(name, targets);
  check(probabilities.rank() >= 2, "{}: expected outputs (n, ..., k), got shape {}", name, probabilities.shape());
  const Variable t = map(name, targets.to(DType::float64), [](double v) { return std::max(v, keras_epsilon); });
  const Variable p = clip(counted(name, probabilities, weights), keras_epsilon, 1);
  return mean_of_positions(name, sum(t * (log(t) - log(p)), {-1}), weights, probabilities.dtype());
}

Variable sigmoid_focal_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights,
                                     const FocalOptions& options) {
  constexpr std::string_view name = "sigmoid_focal_cross_entropy";
  check_alike(name, logits, targets);
  check_probabilities(name, targets);
  check_focal(name, options);
  const auto scaled = [o = options](double z, double target, double FocalTerm::*part) {
    const double t = target * (1 - o.label_smoothing) + o.label_smoothing / 2;
    const double factor = o.balanced ? t * o.alpha + (1 - t) * (1 - o.alpha) : 1;
    return share_of(factor, FocalTerm(z, t, o.gamma).*part);
  };
  return elementwise_loss(
      name, logits, targets, weights, [=](double z, double t) { return scaled(z, t, &FocalTerm::value); },
      slope_of(
          name, [=](double z, double t) { return scaled(z, t, &FocalTerm::slope); },
          [=](double z, double t) { return scaled(z, t, &FocalTerm::bend); }));
}

Variable softmax_focal_cross_entropy(const Variable& logits, const Tensor& targets, const Tensor& weights,
                                     const FocalOptions& options) {
  constexpr std::string_view name = "softmax_focal_cross_entropy";
  check_focal(name, options);
  check(!options.balanced, "{}: expected balanced to be false, because alpha always applies; got true", name);
  const double s = options.label_smoothing / static_cast<double>(logits.rank() > 0 ? logits.dim(-1) : 1);
  const Variable t = map(name, distributions(name, logits, targets),
                         [keep = 1 - options.label_smoothing, s](double v) { return v * keep + s; });
  const Variable z = counted(name, logits, weights);
  // 1 - p from log p: all digits where p is near 1. At p = 1, and at p = 0 of a class that has no share of the target,
  // factors are kept finite, because they are multiplied with 0.
  const Variable nearest = Tensor::scalar(-1e-150, z.dtype());
  const Variable log_p = where(t > 0, log_softmax(z), nearest);
  const Variable wrong = -expm1(minimum(log_p, nearest));
  const Variable factor = options.gamma == 0 ? Variable(Tensor::ones({1}, DType::float64)) : pow(wrong, options.gamma);
  return mean_of_positions(name, sum(t * factor * log_p, {-1}) * -options.alpha, weights, logits.dtype());
}

Variable dice(const Variable& probabilities, const Tensor& targets, const Tensor& weights,
              const OverlapOptions& options) {
  return overlap_loss("dice", probabilities, targets, weights, options.whole_batch,
                      [](const Variable& p, const Variable& t, const std::vector<int>& axes) {
                        return 2.0 * sum(t * p, axes) / (sum(t, axes) + sum(p, axes) + keras_epsilon);
                      });
}

Variable tversky(const Variable& probabilities, const Tensor& targets, const Tensor& weights,
                 const OverlapOptions& options) {
  check(options.alpha >= 0 && options.beta >= 0 && std::isfinite(options.alpha) && std::isfinite(options.beta),
        "tversky: expected finite alpha and beta of at least 0, got {} and {}", options.alpha, options.beta);
  return overlap_loss("tversky", probabilities, targets, weights, options.whole_batch,
                      [o = options](const Variable& p, const Variable& t, const std::vector<int>& axes) {
                        const Variable both = sum(t * p, axes);
                        const Variable missed = sum(t * (1.0 - p), axes), added = sum(p * (1.0 - t), axes);
                        return both / (both + o.alpha * missed + o.beta * added + keras_epsilon);
                      });
}

}  // namespace xtape
