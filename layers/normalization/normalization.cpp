#include "layers/normalization/normalization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/ops/normalization.hpp"
#include "framework/tensor/elementwise.hpp"

namespace xtape {
namespace {

constexpr double smallest_deviation = 1e-7;  // Keras's epsilon

}  // namespace

std::vector<TensorSpec> NormalizationLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (x.rank() < 1) reject("samples with at least one axis", inputs);
  return {{x}};
}

std::vector<ParameterSpec> NormalizationLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape channels{inputs[0].shape[-1]};
  return {{"mean", channels, zeros(), false}, {"variance", channels, ones(), false}};
}

std::vector<Variable> NormalizationLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  const Variable& x = inputs.front();
  const Shape channels{x.dim(-1)};
  const Tensor variance = state("variance").value();
  const Tensor inverse = map("Normalization", variance.to(DType::float64),
                             [](auto v) { return 1 / std::max<double>(std::sqrt(v), smallest_deviation); });
  // the variance is passed as 1, so that only the scale changes the result
  constexpr double epsilon = std::numeric_limits<double>::min();
  return {batch_norm_inference(x, inverse.to(x.dtype()), Tensor::zeros(channels, x.dtype()), state("mean").value(),
                               Tensor::ones(channels, x.dtype()), epsilon)};
}

template class LayerHandle<NormalizationLayer>;

}  // namespace xtape
