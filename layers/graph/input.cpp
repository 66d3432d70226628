#include "layers/graph/input.hpp"

#include <cassert>

namespace xtape {

InputLayer::InputLayer(Options options) : Layer(options.name), options_(std::move(options)) {
  const PartialShape& sample = options_.shape;
  check(sample.size() != 0, "Input{}{}: expected a sample shape without zeros, got {}", name().empty() ? "" : " ",
        name(), sample);
  check(options_.dtype != DType::float64,
        "Input{}{}: expected float32, int64 or uint8, got float64; float32 stands for the type that the model computes "
        "in, see Model::convert()",
        name().empty() ? "" : " ", name());
}

std::vector<TensorSpec> InputLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  if (!inputs.empty()) reject("no input", inputs);
  return {{options_.shape, options_.dtype}};
}

std::vector<Variable> InputLayer::call(const std::vector<Variable>& inputs, ForwardPass& /*pass*/) const {
  assert(inputs.size() == 1);  // the Model passes the data
  return inputs;
}

SymbolicTensor Input(InputLayer::Options options) {
  return std::make_shared<InputLayer>(std::move(options))->connect_one({});
}

}  // namespace xtape
