#include "models/graph/sequential.hpp"

#include "layers/graph/input.hpp"

namespace xtape {
namespace {

using Layers = std::vector<std::shared_ptr<Layer>>;

std::vector<SymbolicTensor> chained(const Layers& layers, std::vector<SymbolicTensor> values) {
  for (const auto& layer : layers) values = layer->connect(values);
  return values;
}

Model model_of(const std::vector<LayerInSequence>& given, ModelOptions options) {
  Layers layers;
  for (const LayerInSequence& part : given) {
    check(part.layer() != nullptr, "Sequential: expected layers, got a null pointer");
    layers.push_back(part.layer());
  }
  const bool begins_with_input = !layers.empty() && is_input(*layers.front());
  const std::shared_ptr<Layer> input = begins_with_input ? layers.front() : nullptr;
  if (input) layers.erase(layers.begin());
  check(!layers.empty(), "Sequential: expected at least one layer that is no Input, got none");
  for (const auto& layer : layers) {
    check(!is_input(*layer), "Sequential: expected an Input as the first layer only, got {} later", layer->title());
  }
  if (!input) {
    return Model([layers](const std::vector<SymbolicTensor>& inputs) { return chained(layers, inputs); },
                 std::move(options));
  }
  const std::vector<SymbolicTensor> inputs = input->connect({});
  return {inputs, chained(layers, inputs), std::move(options)};
}

}  // namespace

Sequential::Sequential(const std::vector<LayerInSequence>& layers, ModelOptions options)
    : Model(model_of(layers, std::move(options))) {}

}  // namespace xtape
