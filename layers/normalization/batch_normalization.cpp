#include "layers/normalization/batch_normalization.hpp"

#include <cmath>
#include <limits>

#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

/// Returns keep old + (1 - keep) now, rounded to the element type T of the average. If rounding would leave the average
/// unchanged, it changes by one unit in the last place; otherwise it would never reach `now`.
template <class T>
double moved(double old, double now, double keep) {
  if (!std::isfinite(now)) return now;  // std::lerp may ignore NaN
  const double next = std::lerp(now, old, keep);
  const T before = static_cast<T>(old), target = static_cast<T>(now);
  return static_cast<T>(next) == before ? static_cast<double>(std::nextafter(before, target)) : next;
}

/// The moving averages after a batch with the statistics `factor` * `batch`.
Tensor moved(const Tensor& averages, const Tensor& batch, double factor, double keep) {
  return with_floating("BatchNormalization", averages.dtype(), [&](auto zero) {
    using T = decltype(zero);
    constexpr double largest = std::numeric_limits<T>::max();
    const Tensor next =
        map("BatchNormalization", averages.to(DType::float64), batch.to(DType::float64), [=](double old, double now) {
          const double whole = now * factor;
          const bool exceeds = std::isfinite(now) && std::abs(whole) > largest;
          return moved<T>(old, exceeds ? std::copysign(largest, now) : whole, keep);
        });
    return next.to(averages.dtype());
  });
}

}  // namespace

BatchNormalizationLayer::BatchNormalizationLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.momentum >= 0 && options_.momentum < 1, "{}: expected a momentum in [0, 1), got {}", title(),
        options_.momentum);
  check(options_.epsilon > 0 && std::isfinite(options_.epsilon), "{}: expected a finite epsilon above 0, got {}",
        title(), options_.epsilon);
}

void BatchNormalizationLayer::set_momentum(double momentum) {
  check(momentum >= 0 && momentum < 1, "{}: expected a momentum in [0, 1), got {}", title(), momentum);
  options_.momentum = momentum;
}

std::vector<TensorSpec> BatchNormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (x.rank() < 1) reject("samples with at least one axis", inputs);
  return {{x}};
}

std::vector<ParameterSpec> BatchNormalizationLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape channels{inputs[0].shape[-1]};
  std::vector<ParameterSpec> specs;
  const Options& o = options_;
  if (o.scale) specs.push_back({"gamma", channels, o.gamma_initializer, true, o.gamma_regularizer, o.gamma_constraint});
  if (o.center) specs.push_back({"beta", channels, o.beta_initializer, true, o.beta_regularizer, o.beta_constraint});
  specs.push_back({"moving_mean", channels, zeros(), false});
  specs.push_back({"moving_variance", channels, ones(), false});
  if (options_.bias_correction) specs.push_back({"updates", {}, zeros(), false});
  return specs;
}

std::vector<Variable> BatchNormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {normalized(inputs.front(), {}, pass)};
}

std::pair<Variable, Variable> BatchNormalizationLayer::scale_and_shift(const Shape& channels, DType dtype,
                                                                       ForwardPass& pass) const {
  return {options_.scale ? parameter(pass, "gamma") : Variable(Tensor::ones(channels, dtype)),
          options_.center ? parameter(pass, "beta") : Variable(Tensor::zeros(channels, dtype))};
}

Variable BatchNormalizationLayer::normalized(Variable x, const BatchNormFusion& fused, ForwardPass& pass) const {
  const auto [gamma, beta] = scale_and_shift({x.dim(-1)}, x.dtype(), pass);
  if (pass.mode() == Mode::inference || !trainable()) {
    const auto [mean, variance] = inference_statistics();
    return batch_norm_inference(std::move(x), gamma, beta, mean, variance, options_.epsilon, fused);
  }
  auto [y, mean, variance, samples] = batch_norm_of_part(
      x, gamma, beta, options_.epsilon, fused, options_.synchronized ? pass.sum_over_batch() : SumOverBatch());
  move_averages(mean, variance, samples, pass);
  return y;
}

void BatchNormalizationLayer::move_averages(const Tensor& mean, const Tensor& variance, std::int64_t samples,
                                            ForwardPass& pass) const {
  const auto n = static_cast<double>(samples);
  const double bessel = samples > 1 ? n / (n - 1) : 1;
  const auto move = [&](const char* which, const Tensor& batch, double factor) {
    pass.update(state(which), [batch, factor, keep = options_.momentum](const Tensor& average) {
      return moved(average, batch, factor, keep);
    });
  };
  move("moving_mean", mean, 1);
  move("moving_variance", variance, bessel);
  if (options_.bias_correction) {
    pass.update(state("updates"), [](const Tensor& old) { return Tensor::scalar(old.item() + 1, old.dtype()); });
  }
}

/// A moving average from which the remaining part of the start value is removed; unchanged before the first update.
Tensor BatchNormalizationLayer::corrected(const Tensor& moving, double start) const {
  if (!options_.bias_correction) return moving;
  const double updates = state("updates").value().item();
  if (updates == 0) return moving;
  const double left = std::pow(options_.momentum, updates);
  const Tensor whole = map("BatchNormalization", moving.to(DType::float64),
                           [=](auto value) { return (value - left * start) / (1 - left); });
  return saturated(whole, moving.dtype());
}

template class LayerHandle<BatchNormalizationLayer>;

}  // namespace xtape
