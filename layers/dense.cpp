#include "layers/dense.hpp"

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/matmul.hpp"

namespace xtape {

DenseLayer::DenseLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  check(options_.units >= 1, "{}: expected units >= 1, got {}", title(), options_.units.value);
}

Shape DenseLayer::output_shape(const std::vector<Shape>& inputs) const {
  const Shape& x = only_input(inputs);
  if (x.rank() < 1) reject("samples with at least one axis", inputs);
  return x.replaced(-1, options_.units);
}

std::vector<ParameterSpec> DenseLayer::parameter_specs(const std::vector<Shape>& inputs) const {
  std::vector<ParameterSpec> specs{
      {"kernel", {inputs[0][-1], options_.units}, options_.kernel_initializer, true, options_.kernel_regularizer}};
  if (options_.use_bias)
    specs.push_back({"bias", {options_.units}, options_.bias_initializer, true, options_.bias_regularizer});
  return specs;
}

Variable DenseLayer::call(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  const Variable& x = inputs.front();
  const Variable rows = x.rank() == 2 ? x : reshape(x, {-1, x.dim(-1)});
  Variable y = matmul(rows, parameter(pass, "kernel"));
  const bool rectified = options_.use_bias && options_.activation.is(relu);
  if (rectified) {
    y = add_relu(y, parameter(pass, "bias"));
  } else if (options_.use_bias) {
    y = y + parameter(pass, "bias");
  }
  if (x.rank() != 2) y = reshape(y, x.shape().replaced(-1, options_.units));
  return rectified ? y : options_.activation(y);
}

template class LayerHandle<DenseLayer>;

}  // namespace xtape
