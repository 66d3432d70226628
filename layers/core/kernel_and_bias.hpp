// The parameters of layers that multiply with a kernel and add a bias. Internal to layers/.
#pragma once

#include <vector>

#include "layers/graph/layer.hpp"

namespace xtape {

/// The specs of a kernel and, if options.use_bias is true, of a bias (outputs). `options` must have use_bias, and the
/// initializers, regularizers and constraints of kernel and bias.
template <class Options>
std::vector<ParameterSpec> kernel_and_bias(const Options& options, const PartialShape& kernel, Extent outputs) {
  std::vector<ParameterSpec> specs{
      {"kernel", kernel, options.kernel_initializer, true, options.kernel_regularizer, options.kernel_constraint}};
  if (options.use_bias) {
    specs.push_back(
        {"bias", {outputs}, options.bias_initializer, true, options.bias_regularizer, options.bias_constraint});
  }
  return specs;
}

/// The specs of a kernel and a bias as above, with as many outputs as the last axis of the kernel.
template <class Options>
std::vector<ParameterSpec> kernel_and_bias(const Options& options, const PartialShape& kernel) {
  return kernel_and_bias(options, kernel, kernel[-1]);
}

}  // namespace xtape
