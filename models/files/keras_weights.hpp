// Weights in HDF5 files of Keras. Internal to models/; docs/formats.md describes the layouts.
#pragma once

#include <filesystem>

#include "framework/io/hdf5.hpp"
#include "framework/io/hdf5_file.hpp"
#include "models/files/stored_weights.hpp"

namespace xtape {

/// The layers of a model as a Keras file lists them.
struct KerasNodes {
  std::vector<KerasNode> layers;
  bool of_file = false;  ///< whether they come from the config in the file; otherwise keras_nodes() has made them
};

/// Reads the weights of a Keras file, in any of three layouts: below /model_weights (model.save), at the root
/// (model.save_weights of Keras 2), below /layers (.weights.h5 of Keras 3). Random states and optimizers are skipped.
/// Error with the path when the file has another layout, lists layers or weights that it does not contain, or was
/// written with Theano, whose kernels are flipped.
StoredWeights read_keras_weights(const Model& model, const KerasNodes& nodes, const std::filesystem::path& path);

/// Writes layout (b) of docs/formats.md, which Keras 2 and Keras 3 read.
void write_keras_weights(const Model& model, const std::filesystem::path& path);

/// Adds the data sets and attributes of layout (b), below `root`, which is empty or ends in "/".
void add_keras_weights(const Model& model, const std::string& root, std::vector<NamedTensor>& tensors,
                       std::vector<Hdf5Attribute>& attributes);

/// Writes layout (c) of docs/formats.md, which Keras 3 expects if a file name ends in .weights.h5. `others` are written
/// too.
void write_keras3_weights(const Model& model, const std::filesystem::path& path, std::vector<NamedTensor> others = {});

/// The strings of an attribute, which Keras splits into name0, name1, ... if it is long; nothing without the attribute.
std::optional<std::vector<std::string>> keras_strings(const Hdf5File& file, const std::string& object,
                                                      const std::string& name);

}  // namespace xtape
