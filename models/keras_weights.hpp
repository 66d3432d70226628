// Weights in the HDF5 files that Keras reads and writes. Internal to models/; docs/formats.md describes the layouts.
#pragma once

#include <filesystem>

#include "models/stored_weights.hpp"

namespace xtape {

/// What a Keras file holds for the model, in any of the three layouts: below /model_weights (model.save), at the root
/// (model.save_weights of Keras 2), below /layers (Keras 3's .weights.h5). Random states and optimizers are left out.
/// Error with the path when it is none of them, lists layers or weights that it does not hold, or was written with
/// Theano, whose kernels are flipped.
StoredWeights read_keras_weights(const Model& model, const std::filesystem::path& path);

/// Writes layout (b), which Keras 2 reads, and Keras 3 too.
void write_keras_weights(const Model& model, const std::filesystem::path& path);

/// Writes layout (c), which Keras 3 asks for where a name ends in .weights.h5.
void write_keras3_weights(const Model& model, const std::filesystem::path& path);

}  // namespace xtape
