#include "models/files/model_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/io/extension.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "framework/version.hpp"
#include "models/files/graph_json.hpp"
#include "models/files/image_scale.hpp"
#include "models/files/model_metadata.hpp"
#include "models/files/onnx/onnx_file.hpp"

namespace xtape {
namespace {

constexpr const char* format_version = "1";

/// The tensors of a file. Each one is the value of one parameter.
class Values {
 public:
  explicit Values(std::vector<NamedTensor> tensors) {
    for (auto& [name, tensor] : tensors) given_[name] = std::move(tensor);
  }

  Tensor take(const std::string& path, const ParameterSpec& spec) {
    const auto found = given_.find(path);
    check(found != given_.end(), "expected a tensor {} of shape {} in the file, got none", path, spec.shape);
    Tensor value = std::move(found->second);
    given_.erase(found);
    if (!dtype_) dtype_ = value.dtype();
    check(value.shape() == spec.shape && is_floating(value.dtype()) && value.dtype() == *dtype_,
          "expected the tensor {} to be {} {}, got {} {}", path, is_floating(*dtype_) ? *dtype_ : DType::float32,
          spec.shape, value.dtype(), value.shape());
    return value;
  }

  void check_all_taken() const {
    check(given_.empty(), "expected only tensors that the layers need, got {} more, the first {}", given_.size(),
          given_.empty() ? "" : given_.begin()->first);
  }

 private:
  std::map<std::string, Tensor> given_;
  std::optional<DType> dtype_;
};

/// The metadata of a model file.
std::map<std::string, std::string> model_metadata(std::string_view function, const std::filesystem::path& path) {
  std::map<std::string, std::string> metadata = safetensors_metadata(path);
  check(metadata.contains("graph"), "{}: expected a file of save_model(), got {}", function, path.string());
  return metadata;
}

}  // namespace

void save_model(const Model& model, const std::filesystem::path& path, const SaveModelOptions& options) {
  check(has_extension(path, {".safetensors", ""}),
        "save_model: expected a name that ends in .safetensors, got {}; save_weights() writes weights as Keras's HDF5",
        path.string());
  const std::vector<std::string>& names = options.class_names;
  const Extent classes = class_count(model.output_shape());
  check(names.empty() || classes == std::ssize(names),
        "save_model: expected a name for each of the {} outputs, got {} for {}", classes, names.size(), path.string());
  with_place("save_model", path.string(), [&] { check_class_names(names); });
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.push_back({name, parameter.value()});
  const std::string graph = with_place("save_model", path.string(), [&] { return graph_to_json(model); });
  std::map<std::string, std::string> metadata{{"format", "xtape"},
                                              {"model", model.name()},
                                              {"format_version", format_version},
                                              {"xtape_version", std::string(version())},
                                              {"graph", graph}};
  if (!names.empty()) metadata[class_names_key] = nlohmann::json(names).dump();
  if (!options.image_scale.empty()) {
    metadata[image_scale_key] =
        with_place("save_model", path.string(), [&] { return image_scale(options.image_scale).name; });
  }
  save_safetensors(path, tensors, metadata);
}

Model load_model(const std::filesystem::path& path, const LoadModelOptions& options) {
  SafetensorsFile file = load_safetensors(path);
  const auto graph = file.metadata.find("graph");
  check(
      graph != file.metadata.end(),
      "load_model: expected a file of save_model(), got one without a \"graph\" in its metadata: {}; weights alone are "
      "read by load_weights()",
      path.string());
  check(file.metadata["format"] == "xtape",
        "load_model: expected format \"xtape\" in the metadata, got \"{:.20}\" in {}", file.metadata["format"],
        path.string());
  const std::string version = file.metadata["format_version"];
  check(version == format_version, "load_model: expected format_version {}, got \"{:.20}\" in {}; made by xtape {:.20}",
        format_version, version, path.string(), file.metadata["xtape_version"]);
  Values values(std::move(file.tensors));
  return with_place("load_model", path.string(), [&] {
    Model model = graph_from_json(graph->second, options, [&](const std::string& name, const ParameterSpec& spec) {
      return values.take(name, spec);
    });
    values.check_all_taken();
    return model;
  });
}

std::vector<std::string> load_class_names(const std::filesystem::path& path) {
  const std::map<std::string, std::string> metadata =
      has_extension(path, {".onnx"}) ? load_onnx_metadata(path) : model_metadata("load_class_names", path);
  const auto names = metadata.find(class_names_key);
  if (names == metadata.end()) return {};
  const auto result = texts_in(names->second);
  check(result.has_value(),
        "load_class_names: expected a JSON list of texts as \"class_names\" in the metadata of {}, got {:.200}",
        path.string(), names->second);
  with_place("load_class_names", path.string(), [&] { check_class_names(*result); });
  return *result;
}

std::string load_image_scale(const std::filesystem::path& path) {
  const std::map<std::string, std::string> metadata = model_metadata("load_image_scale", path);
  const auto scale = metadata.find(image_scale_key);
  if (scale == metadata.end()) return "";
  return with_place("load_image_scale", path.string(), [&] { return image_scale(scale->second).name; });
}

}  // namespace xtape
