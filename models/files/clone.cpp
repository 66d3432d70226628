#include "models/files/clone.hpp"

#include "framework/tensor/streams.hpp"
#include "models/files/graph_json.hpp"

namespace xtape {

Model clone(const Model& model, const CloneOptions& options) {
  std::map<std::string, Tensor> values;
  for (const auto& [path, parameter] : model.named_parameters()) values.emplace(path, parameter.value());
  std::uint64_t stream = streams::parameters;
  const auto value_of = [&](const std::string& path, const ParameterSpec& spec) {
    const Tensor& value = values.at(path);
    if (!options.seed) return value;
    RandomStream random(*options.seed, spec.initializer.stream.value_or(stream++));
    return spec.initializer.make(value.shape(), random).to(value.dtype());
  };
  try {
    return graph_from_json(graph_to_json(model), {.custom_layers = options.custom_layers}, value_of);
  } catch (const Error& error) {
    fail_as(error, "clone: {}", error.what());
  }
}

}  // namespace xtape
