// The outputs of models, and the values of their parameters.
#pragma once

#include <algorithm>
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

/// The values of all parameters.
inline std::vector<Tensor> values_of(const Model& model) {
  std::vector<Tensor> values;
  for (const Parameter& parameter : model.parameters()) values.push_back(parameter.value());
  return values;
}

/// Whether the parameters of two models have the same bits.
inline bool same_bits(const Model& a, const Model& b) {
  return std::ranges::equal(values_of(a), values_of(b), identical);
}

}  // namespace xtape::test
