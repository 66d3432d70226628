#include "layers/input.hpp"

#include <cassert>

namespace xtape {

Shape InputLayer::output_shape(const std::vector<Shape>& inputs) const {
  if (!inputs.empty()) reject("no input", inputs);
  return sample_;
}

Variable InputLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  assert(inputs.size() == 1);  // the Model puts the data in its place
  return inputs.front();
}

SymbolicTensor Input(const Shape& sample, const InputOptions& options) {
  check(sample.size() > 0, "Input{}{}: expected a sample shape without zeros, got {}", options.name.empty() ? "" : " ",
        options.name, sample);
  return std::make_shared<InputLayer>(sample, options.name)->connect({});
}

}  // namespace xtape
