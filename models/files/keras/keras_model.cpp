#include "models/files/keras/keras_model.hpp"

#include "models/files/keras/keras_file.hpp"

namespace xtape {

Model load_keras_model(const std::filesystem::path& path, const LoadKerasModelOptions& options) {
  return KerasFile("load_keras_model", path).graph(options.custom_layers).model;
}

void save_keras_model(const Model& model, const std::filesystem::path& path) {
  write_keras_file("save_keras_model", model, path, nullptr);
}

}  // namespace xtape
