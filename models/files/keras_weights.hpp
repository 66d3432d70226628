// Weights in HDF5 files of Keras. Internal to models/; docs/formats.md describes the layouts.
#pragma once

#include <filesystem>

#include "models/files/stored_weights.hpp"

namespace xtape {

/// Reads the weights of a Keras file, in any of three layouts: below /model_weights (model.save), at the root
/// (model.save_weights of Keras 2), below /layers (.weights.h5 of Keras 3). Random states and optimizers are skipped.
/// Error with the path when the file has another layout, lists layers or weights that it does not contain, or was
/// written with Theano, whose kernels are flipped.
StoredWeights read_keras_weights(const Model& model, const std::filesystem::path& path);

/// Writes layout (b) of docs/formats.md, which Keras 2 and Keras 3 read.
void write_keras_weights(const Model& model, const std::filesystem::path& path);

/// Writes layout (c) of docs/formats.md, which Keras 3 expects if a file name ends in .weights.h5.
void write_keras3_weights(const Model& model, const std::filesystem::path& path);

}  // namespace xtape
