#include "layers/core/linear_map.hpp"

#include "framework/ops/inference_epilogue.hpp"

namespace xtape {

std::optional<InferenceConvolution> LinearMapLayer::convolution_in(ForwardPass& /*pass*/) const { return std::nullopt; }

std::optional<Tensor> LinearMapLayer::mapped_with(const Variable& x, const InferenceEpilogue& epilogue,
                                                  ForwardPass& pass) const {
  const auto convolution = x.tracked() ? std::nullopt : convolution_in(pass);
  if (!convolution) return std::nullopt;
  return conv2d_with_epilogue(x.value(), *convolution, epilogue);
}

Extent LinearMapLayer::kernel_positions(const PartialShape& output) const {
  Extent positions = 1;
  for (int axis = 0; axis + 1 < output.rank(); ++axis) positions = positions * output[axis];
  return positions;
}

std::optional<Variable> LinearMapLayer::bias(ForwardPass& pass) const {
  if (!use_bias()) return std::nullopt;
  return parameter(pass, "bias");
}

std::optional<Tensor> LinearMapLayer::in_cache(const Variable& x, ForwardPass& pass) const {
  const std::optional<ElementFunction>& function = activation().of_element();
  if (pass.records() || !(function || (use_bias() && activation() == linear))) return std::nullopt;
  InferenceEpilogue epilogue{.function = function};
  if (const auto added = bias(pass)) {
    if (added->tracked()) return std::nullopt;
    epilogue.bias = added->value();
  }
  return mapped_with(x, epilogue, pass);
}

std::vector<Variable> LinearMapLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  if (auto y = in_cache(x, pass)) return {Variable(std::move(*y))};
  const Variable y = mapped(x, pass);
  return {activated(y, bias(pass), activation())};
}

}  // namespace xtape
