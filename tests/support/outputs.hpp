// The outputs of models.
#pragma once

#include <vector>

#include "models/graph/model.hpp"

namespace xtape::test {

/// The outputs of a model in inference.
inline std::vector<Tensor> outputs_of(const Model& model, const std::vector<Tensor>& inputs) {
  ForwardPass pass(Mode::inference);
  std::vector<Tensor> outputs;
  for (const Variable& output : model.call({inputs.begin(), inputs.end()}, pass)) outputs.push_back(output.value());
  return outputs;
}

/// The only output of a model with one input, in inference.
inline Tensor output_of(const Model& model, const Tensor& input) { return outputs_of(model, {input}).at(0); }

}  // namespace xtape::test
