// A model's weights in a file.
#pragma once

#include <filesystem>

#include "models/model.hpp"

namespace xtape {

/// Writes every parameter, moving averages included, under its path ("conv1/kernel") as a safetensors file, all or
/// nothing. The metadata holds "format" = "xtape" and the model's name. Error with the path when it can't be written.
void save_weights(const Model& model, const std::filesystem::path& path);

/// Reads them back, converted to the type the model computes in. Error with the path, and the model as it was, unless
/// the file has exactly the model's parameters with their shapes; the message names all that are missing, unknown or of
/// another shape.
void load_weights(const Model& model, const std::filesystem::path& path);

}  // namespace xtape
