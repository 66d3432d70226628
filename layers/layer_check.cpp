#include "layers/layer_check.hpp"

#include "layers/input.hpp"

namespace xtape {

GradientReport check_layer(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples,
                           const LayerCheckOptions& options) {
  check(options.batch >= 1, "check_layer: expected a batch of 1 or more, got {}", options.batch);
  std::vector<SymbolicTensor> symbols;
  std::vector<CheckedInput> checked;
  RandomStream random(options.gradient.seed, 20);
  const auto draw = [&](std::string name, const Shape& shape) {
    Tensor value = random.uniform(shape, options.gradient.low, options.gradient.high, DType::float64);
    checked.push_back({std::move(name), std::move(value)});
  };
  for (const Shape& sample : samples) {
    symbols.push_back(Input(sample));
    draw(fmt::format("input {}", checked.size()), sample.prepended(options.batch));
  }
  const Shape inferred = layer->connect(symbols).shape().prepended(options.batch);
  layer->initialize(options.gradient.seed, 0);
  std::vector<Parameter> trained;
  for (const auto& [path, parameter] : layer->named_parameters()) {
    parameter.set_value(parameter.value().to(DType::float64));
    if (!parameter.trainable()) continue;
    trained.push_back(parameter);
    draw(path, parameter.shape());
  }
  Shape computed;
  const auto f = [&](const std::vector<Variable>& values) {
    const auto first_parameter = values.begin() + static_cast<std::ptrdiff_t>(samples.size());
    ForwardPass pass(options.mode, {.record = false});
    for (std::size_t i = 0; i < trained.size(); ++i) pass.bind(trained[i], values[samples.size() + i]);
    Variable y = layer->call({values.begin(), first_parameter}, pass);
    computed = y.shape();
    return y;
  };
  GradientReport report = check_gradient_at(f, checked, options.gradient);
  if (computed != inferred) {
    report.problems.push_back(
        fmt::format("the output has shape {}, and the layer infers {}", to_string(computed), to_string(inferred)));
  }
  return report;
}

}  // namespace xtape
