#include "models/files/any_model.hpp"

#include "framework/io/extension.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/torch_file.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "models/files/image_scale.hpp"
#include "models/files/model_metadata.hpp"

namespace xtape {
namespace {

/// Whether a file begins as an ONNX file does: with the field ir_version (1, a number) of ModelProto.
bool may_be_onnx(const InputFile& file) { return has_at(file, 0, "\x08"); }

/// The class names in the metadata of an ONNX file; none if other software uses the name for something else.
std::vector<std::string> onnx_class_names(const std::map<std::string, std::string>& metadata, const Model& model) {
  const auto found = metadata.find(class_names_key);
  if (found == metadata.end()) return {};
  const auto names = texts_in(found->second);
  if (!names || model.output_shape().rank() == 0 || model.output_shape()[-1] != std::ssize(*names)) return {};
  check_class_names(*names);
  return *names;
}

LoadedModel load_onnx_model(const std::filesystem::path& path, const LoadOnnxOptions& options) {
  LoadedModel loaded{load_onnx(path, options), ModelFormat::onnx, {}, ""};
  const std::map<std::string, std::string> metadata = load_onnx_metadata(path);
  with_place("load_any_model", path.string(), [&] {
    loaded.class_names = onnx_class_names(metadata, loaded.model);
    if (const auto scale = metadata.find(image_scale_key); scale != metadata.end()) {
      loaded.image_scale = image_scale(scale->second).name;
    }
  });
  return loaded;
}

/// How pixels are given, in words.
std::string described(const ImageScale& scale) {
  return fmt::format("{}, scale {}", scale.blue_first ? "BGR" : "RGB", scale.name);
}

}  // namespace

std::string_view to_string(ModelFormat format) {
  switch (format) {
    case ModelFormat::xtape: return "xtape";
    case ModelFormat::keras: return "Keras";
    case ModelFormat::onnx: return "ONNX";
  }
  return "?";
}

ModelFormat model_format_of_name(const std::filesystem::path& path) {
  if (has_extension(path, {".safetensors", ""})) return ModelFormat::xtape;
  if (has_extension(path, {".keras", ".h5", ".hdf5"})) return ModelFormat::keras;
  check(has_extension(path, {".onnx"}),
        "save_any_model: expected a name that ends in .safetensors, .keras, .h5, .hdf5 or .onnx, got {}",
        path_text(path));
  return ModelFormat::onnx;
}

LoadedModel load_any_model(const std::filesystem::path& path, const LoadAnyModelOptions& options) {
  const InputFile file("load_any_model", path);
  check(file.size() > 0, "load_any_model: expected a model, got an empty file: {}", path.string());
  if (is_hdf5(file)) return {load_keras_model(path, {options.custom_layers}), ModelFormat::keras, {}, ""};
  check(!is_torch_file("load_any_model", path),
        "load_any_model: expected a whole model, got a file of PyTorch, which has weights alone: {}; load_weights() "
        "reads them into a model, and ./run convert with --network or --model",
        path.string());
  if (is_zip(file)) return {load_keras_model(path, {options.custom_layers}), ModelFormat::keras, {}, ""};
  const bool named_onnx = has_extension(path, {".onnx"});
  if (!named_onnx && may_be_safetensors(file)) {
    return {load_model(path, {options.custom_layers}), ModelFormat::xtape, load_class_names(path),
            load_image_scale(path)};
  }
  check(named_onnx || may_be_onnx(file),
        "load_any_model: expected a model of xtape (.safetensors), Keras (.keras, .h5) or ONNX (.onnx), got a file of "
        "another format: {}",
        path.string());
  return load_onnx_model(path, options.onnx);
}

void save_any_model(const Model& model, const std::filesystem::path& path, const SaveAnyModelOptions& options) {
  switch (model_format_of_name(path)) {
    case ModelFormat::xtape:
      return save_model(model, path, {.class_names = options.class_names, .image_scale = options.image_scale});
    case ModelFormat::keras: return save_keras_model(model, path);
    case ModelFormat::onnx: {
      SaveOnnxOptions onnx = options.onnx;
      onnx.class_names = options.class_names;
      if (!options.image_scale.empty()) {
        const ImageScale scale = image_scale(options.image_scale);
        onnx.metadata[image_scale_key] = scale.name;
        if (onnx.preprocessing.empty()) onnx.preprocessing = described(scale);
      }
      return save_onnx(model, path, onnx);
    }
  }
}

}  // namespace xtape
