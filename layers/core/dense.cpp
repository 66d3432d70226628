#include "layers/core/dense.hpp"

#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {

DenseLayer::DenseLayer(Options options) : Layer(options.name), options_(std::move(options)) {
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

std::vector<Variable> DenseLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  const Variable rows = x.rank() == 2 ? x : reshape(x, {-1, x.dim(-1)});
  Variable y = matmul(rows, parameter(pass, "kernel"));
  std::optional<Variable> bias;
  if (options_.use_bias) bias = parameter(pass, "bias");
  if (x.rank() == 2) return {activated(y, bias, options_.activation)};
  // softmax must be applied in the shape of x; relu with the bias is one op and may be applied to the rows
  const bool rectified = options_.activation == relu;
  y = reshape(activated(y, bias, rectified ? relu : ActivationFunction(linear)),
              x.shape().replaced(-1, options_.units));
  return {rectified ? y : options_.activation(y)};
}

template class LayerHandle<DenseLayer>;

}  // namespace xtape
