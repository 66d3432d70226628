// Models that use every layer, for exports and their comparison with other software.
#pragma once

#include <string>
#include <vector>

#include "framework/ops/manipulation.hpp"
#include "models/graph/model.hpp"

namespace xtape::test {

/// A model and its name, which is that of a file.
struct SampleModel {
  std::string name;
  Model model;
};

/// Models of all layers with various options. All parameters have random values.
std::vector<SampleModel> sample_models();

/// Inputs for two samples, without ties, for unknown extents 7.
std::vector<Tensor> sample_inputs(const Model& model);

/// Images with the channels first; other tensors as they are.
inline Tensor in_file_order(const Tensor& tensor) {
  return tensor.rank() == 4 ? transpose(Variable(tensor), {0, 3, 1, 2}).value() : tensor;
}

}  // namespace xtape::test
