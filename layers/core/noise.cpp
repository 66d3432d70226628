#include "layers/core/noise.hpp"

#include <cmath>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/dropout.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

void check_rate(const Layer& layer, double rate) {
  check(rate >= 0 && rate < 1, "{}: expected a rate in [0, 1), got {}", layer.title(), rate);
}

/// Dropout that draws once for each sample and channel.
Variable channel_dropout(const Variable& x, double rate, ForwardPass& pass) {
  std::vector<std::int64_t> extents(static_cast<std::size_t>(x.rank()), 1);
  extents.front() = x.dim(0);
  extents.back() = x.dim(-1);
  return dropout(x, rate, Shape(extents), pass);
}

}  // namespace

SpatialDropout1DLayer::SpatialDropout1DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_rate(*this, options_.rate);
}

std::vector<TensorSpec> SpatialDropout1DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 2)}};
}

std::vector<Variable> SpatialDropout1DLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {channel_dropout(inputs.front(), options_.rate, pass)};
}

SpatialDropout2DLayer::SpatialDropout2DLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_rate(*this, options_.rate);
}

std::vector<TensorSpec> SpatialDropout2DLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  return {{only_input(inputs, 3)}};
}

std::vector<Variable> SpatialDropout2DLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {channel_dropout(inputs.front(), options_.rate, pass)};
}

GaussianNoiseLayer::GaussianNoiseLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(std::isfinite(options_.stddev) && options_.stddev >= 0, "{}: expected a finite stddev of at least 0, got {}",
        title(), options_.stddev.value);
}

std::vector<Variable> GaussianNoiseLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (!pass.training() || options_.stddev == 0) return {x};
  return {x + pass.random_stream().normal(x.shape(), 0, options_.stddev, x.dtype())};
}

GaussianDropoutLayer::GaussianDropoutLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_rate(*this, options_.rate);
}

std::vector<Variable> GaussianDropoutLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  const double rate = options_.rate;
  if (!pass.training() || rate == 0) return {x};
  return {x * pass.random_stream().normal(x.shape(), 1, std::sqrt(rate / (1 - rate)), x.dtype())};
}

AlphaDropoutLayer::AlphaDropoutLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check_rate(*this, options_.rate);
}

std::vector<Variable> AlphaDropoutLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  const double rate = options_.rate;
  if (!pass.training() || rate == 0) return {x};
  constexpr double limit = -1.7580993408473766;  // of selu
  const double scale = 1 / std::sqrt((1 - rate) * (1 + rate * limit * limit)), shift = -scale * limit * rate;
  const Tensor draws = pass.random_stream().uniform(x.shape(), 0, 1, x.dtype());
  const auto times = [=](double kept, double dropped) {
    return map("alpha_dropout", draws, [=](auto u) { return u < static_cast<decltype(u)>(rate) ? dropped : kept; });
  };
  return {x * times(scale, 0) + times(shift, scale * limit + shift)};
}

template class LayerHandle<SpatialDropout1DLayer>;
template class LayerHandle<SpatialDropout2DLayer>;
template class LayerHandle<GaussianNoiseLayer>;
template class LayerHandle<GaussianDropoutLayer>;
template class LayerHandle<AlphaDropoutLayer>;

}  // namespace xtape
