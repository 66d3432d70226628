#include "framework/ops/regression_losses.hpp"

#include <algorithm>
#include <cmath>

#include "framework/ops/elementary.hpp"
#include "framework/ops/loss_parts.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/ops/unit_vectors.hpp"

namespace xtape {
namespace {

double sign_of(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }

}  // namespace

Variable huber(const Variable& outputs, const Tensor& targets, const Tensor& weights, const HuberOptions& options) {
  constexpr std::string_view name = "huber";
  check_alike(name, outputs, targets);
  const double delta = options.delta;
  check(delta > 0 && std::isfinite(delta), "huber: expected a finite delta above 0, got {}", delta);
  return elementwise_loss(
      name, outputs, targets, weights,
      [delta](double x, double t) {
        const double e = std::abs(x - t);
        return e <= delta ? e * e / 2 : delta * (e - delta / 2);
      },
      slope_of(
          name, [delta](double x, double t) { return std::isnan(x - t) ? x - t : std::clamp(x - t, -delta, delta); },
          [delta](double x, double t) { return std::abs(x - t) <= delta ? 1.0 : 0.0; }));
}

Variable mean_absolute_percentage_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "mean_absolute_percentage_error";
  check_alike(name, outputs, targets);
  const auto percent = [](double t) { return 100 / std::max(std::abs(t), keras_epsilon); };
  return elementwise_loss(
      name, outputs, targets, weights, [=](double x, double t) { return std::abs(x - t) * percent(t); },
      slope_of(
          name, [=](double x, double t) { return sign_of(x - t) * percent(t); }, [](double, double) { return 0.0; }));
}

Variable mean_squared_logarithmic_error(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "mean_squared_logarithmic_error";
  check_alike(name, outputs, targets);
  const auto difference = [](double x, double t) {
    return std::log1p(x < keras_epsilon ? keras_epsilon : x) - std::log1p(t < keras_epsilon ? keras_epsilon : t);
  };
  return elementwise_loss(
      name, outputs, targets, weights,
      [=](double x, double t) {
        const double d = difference(x, t);
        return d * d;
      },
      slope_of(
          name, [=](double x, double t) { return x < keras_epsilon ? 0 : 2 * difference(x, t) / (1 + x); },
          [=](double x, double t) {
            return x < keras_epsilon ? 0 : 2 * (1 - difference(x, t)) / ((1 + x) * (1 + x));
          }));
}

Variable log_cosh(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "log_cosh";
  check_alike(name, outputs, targets);
  return elementwise_loss(
      name, outputs, targets, weights,
      [](double x, double t) {
        const double e = std::abs(x - t), half = std::sinh(std::min(e, 2.0) / 2);
        return e < 1 ? std::log1p(2 * half * half) : e + std::log1p(std::exp(-2 * e)) - std::log(2.0);
      },
      slope_of(
          name, [](double x, double t) { return std::tanh(x - t); },
          [](double x, double t) {
            const double c = std::cosh(x - t);
            return 1 / c / c;
          }));
}

Variable poisson(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "poisson";
  check_alike(name, outputs, targets);
  return elementwise_loss(
      name, outputs, targets, weights, [](double x, double t) { return x - share_of(t, std::log(x + keras_epsilon)); },
      slope_of(
          name, [](double x, double t) { return 1 - t / (x + keras_epsilon); },
          [](double x, double t) { return t / (x + keras_epsilon) / (x + keras_epsilon); }));
}

Variable cosine_similarity(const Variable& outputs, const Tensor& targets, const Tensor& weights) {
  constexpr std::string_view name = "cosine_similarity";
  check_alike(name, outputs, targets);
  check(outputs.rank() >= 2, "{}: expected outputs (n, ..., k), got shape {}", name, outputs.shape());
  const Variable x = counted(name, outputs, weights);
  const Variable cosine =
      sum(unit_vectors(x, {-1}, keras_epsilon) * unit_vectors(targets.to(DType::float64), {-1}, keras_epsilon), {-1});
  return mean_of_positions(name, -cosine, weights, outputs.dtype());
}

}  // namespace xtape
