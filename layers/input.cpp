#include "layers/input.hpp"

#include <cassert>

namespace xtape {

InputLayer::InputLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const Shape& sample = options_.shape;
  check(sample.size() > 0, "Input{}{}: expected a sample shape without zeros, got {}", name().empty() ? "" : " ",
        name(), sample);
}

Shape InputLayer::output_shape(const std::vector<Shape>& inputs) const {
  if (!inputs.empty()) reject("no input", inputs);
  return options_.shape;
}

Variable InputLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  assert(inputs.size() == 1);  // the Model puts the data in its place
  return inputs.front();
}

SymbolicTensor Input(const Shape& sample, const OnlyName& options) {
  return std::make_shared<InputLayer>(InputLayer::Options{.shape = sample, .name = options.name})->connect({});
}

}  // namespace xtape
