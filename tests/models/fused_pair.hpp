// A model that fuses layers, beside one that does not.
#pragma once

#include <algorithm>
#include <vector>

#include "layers/convolution/conv.hpp"
#include "models/graph/model.hpp"

namespace xtape::test {

/// A convolution whose output is as large as its input, with a bias other than 0.
inline Conv2D convolution(std::int64_t filters, std::int64_t size, std::int64_t groups = 1, bool bias = true) {
  return Conv2D({.filters = filters,
                 .kernel_size = size,
                 .padding = Padding::same,
                 .groups = groups,
                 .use_bias = bias,
                 .bias_initializer = he_normal()});
}

/// Appends the tensors that `tensor` is computed from, in the order of computation, and `tensor` itself.
inline void collect(const SymbolicTensor& tensor, std::vector<SymbolicTensor>& found) {
  if (std::ranges::find(found, tensor) != found.end()) return;
  for (const SymbolicTensor& input : tensor.call().inputs) collect(input, found);
  found.push_back(tensor);
}

/// The model, and a model of the same layers in which every value is an output, so that nothing is fused.
struct FusedPair {
  Model fused, plain;
  FusedPair(const SymbolicTensor& input, const SymbolicTensor& output)
      : fused(input, output, {.seed = 4}), plain(std::vector{input}, everything(output), {.seed = 4}) {}

 private:
  static std::vector<SymbolicTensor> everything(const SymbolicTensor& output) {
    std::vector<SymbolicTensor> found;
    collect(output, found);
    std::ranges::reverse(found);
    return found;
  }
};

}  // namespace xtape::test
