// Parameters and gradients of float64 numbers, for tests of optimizers.
#pragma once

#include "framework/autograd/gradients.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

inline Parameter parameter_of(const std::string& name, const std::vector<double>& values, bool trainable = true) {
  return {name, f64(values), trainable};
}

inline Gradients gradients_of(const std::vector<std::pair<Parameter, std::vector<double>>>& values) {
  Gradients gradients;
  for (const auto& [parameter, elements] : values) {
    gradients.add(parameter, Tensor::of(parameter.shape(), elements, parameter.dtype()));
  }
  return gradients;
}

}  // namespace xtape::test
