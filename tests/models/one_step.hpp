// The results of a pass through a model: output, gradients and updated averages.
#pragma once

#include <string>
#include <vector>

#include "framework/autograd/forward_pass.hpp"
#include "framework/tensor/random.hpp"
#include "models/graph/model.hpp"

namespace xtape::test {

struct OneStep {
  Tensor output, input_gradient;
  std::vector<Tensor> gradients, state;  ///< of each parameter
  std::vector<std::string> operations;
};

/// A forward pass and a backward pass from random derivatives. The parameters are restored afterwards. Without `watch`
/// the gradient of the images is not computed.
inline OneStep one_step(const Model& model, const Tensor& images, const PassOptions& options, Mode mode,
                        bool watch = true) {
  std::vector<Tensor> before;
  for (const Parameter& parameter : model.parameters()) before.push_back(parameter.value());
  ForwardPass pass(mode, options);
  const Variable x = watch ? pass.watch(images) : Variable(images);
  const Variable y = model.call({x}, pass)[0];
  OneStep result;
  result.output = y.value();
  result.operations = pass.operations();
  const Gradients found = pass.backward(y, RandomStream(8).normal(y.shape(), 0, 1, y.dtype()));
  found.commit();
  if (watch) result.input_gradient = pass.gradient(x);
  const std::vector<Parameter> parameters = model.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    result.gradients.push_back(found.contains(parameters[i]) ? found[parameters[i]] : Tensor());
    result.state.push_back(parameters[i].value());
    parameters[i].set_value(before[i]);
  }
  return result;
}

}  // namespace xtape::test
