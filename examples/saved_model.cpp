#include "examples/saved_model.hpp"

#include <nlohmann/json.hpp>

#include "examples/train/recipe.hpp"

namespace xtape {
namespace {

/// The network as train builds it, for images and classes that it has not seen.
Model build(const std::string& network, std::int64_t classes) {
  const std::size_t colon = std::min(network.find(':'), network.size());
  const std::string name = network.substr(0, colon);
  const Recipe& recipe = find_recipe(name, network.substr(std::min(colon + 1, network.size())));
  const Shape image = name == "small" ? Shape{1, 28, 28, 1} : Shape{1, 64, 64, 3};
  return recipe.build(Dataset(Tensor::zeros(image, DType::uint8), Tensor::labels({0}), classes), 0);
}

std::vector<std::string> class_names_of(const SafetensorsFile& file, const std::filesystem::path& path) {
  const auto entry = file.metadata.find("class_names");
  if (entry == file.metadata.end()) return {};
  try {
    return nlohmann::json::parse(entry->second).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    fail("load_saved_model: expected a JSON list of texts as \"class_names\" in the metadata of {}, got {}",
         path.string(), entry->second);
  }
}

}  // namespace

SavedModel load_saved_model(const std::filesystem::path& path, const std::string& network) {
  const SafetensorsFile file = load_safetensors(path);
  check(!file.tensors.empty() && file.tensors.back().tensor.rank() >= 1 && file.tensors.back().tensor.dim(-1) >= 1,
        "load_saved_model: expected the weights of a network, got {} tensors in {}", file.tensors.size(),
        path.string());
  SavedModel saved{build(network, file.tensors.back().tensor.dim(-1)), class_names_of(file, path)};
  load_weights(saved.model, path);
  const std::int64_t classes = saved.model.output_shape()[-1];
  check(saved.class_names.empty() || std::ssize(saved.class_names) == classes,
        "load_saved_model: expected {} class names in {}, got {}", classes, path.string(), saved.class_names.size());
  return saved;
}

Tensor probabilities(const Model& model, const Tensor& outputs) {
  if (model.output_layer().output_activation() == "softmax") return outputs;
  return softmax(outputs).value();
}

}  // namespace xtape
