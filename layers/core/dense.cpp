#include "layers/core/dense.hpp"

#include "framework/ops/inference_epilogue.hpp"
#include "framework/ops/matmul.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {

DenseLayer::DenseLayer(Options options) : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.units >= 1, "{}: expected units >= 1, got {}", title(), options_.units.value);
}

std::vector<TensorSpec> DenseLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (x.rank() < 1) reject("samples with at least one axis", inputs);
  return {{x.replaced(-1, options_.units.value)}};
}

std::vector<ParameterSpec> DenseLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  return kernel_and_bias(options_, {inputs[0].shape[-1], options_.units.value});
}

Variable DenseLayer::mapped(const Variable& x, ForwardPass& pass) const { return matmul(x, parameter(pass, "kernel")); }

std::optional<Tensor> DenseLayer::mapped_with(const Variable& x, const InferenceEpilogue& epilogue,
                                              ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  if (pass.records() || x.tracked() || kernel.tracked()) return std::nullopt;
  const Shape shape = x.shape().replaced(-1, options_.units);
  InferenceEpilogue of_rows = epilogue;
  if (epilogue.residual.defined()) {
    if (epilogue.residual.shape() != shape) return std::nullopt;
    of_rows.residual = epilogue.residual.reshaped({-1, shape[-1]});
  }
  const auto y =
      matmul_with_epilogue(x.value().reshaped({x.shape().without(-1).size(), x.dim(-1)}), kernel.value(), of_rows);
  if (!y) return std::nullopt;
  return y->reshaped(shape);
}

template class LayerHandle<DenseLayer>;

}  // namespace xtape
