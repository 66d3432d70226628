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

std::vector<Variable> LinearMapLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const std::optional<Variable> added = bias(pass);
  const std::optional<ElementFunction>& function = activation().of_element();
  if (function || (added && activation() == linear)) {
    InferenceEpilogue epilogue{.function = function};
    if (added) epilogue.bias = added->value();
    if (!added || !added->tracked()) {
      if (auto y = mapped_with(inputs.front(), epilogue, pass)) return {Variable(std::move(*y))};
    }
  }
  return {activated(mapped(inputs.front(), pass), added, activation())};
}

}  // namespace xtape
