// Models from files, as predict and evaluate take them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>
#include <xtape/xtape.hpp>

namespace xtape {

struct SavedModel {
  Model model;
  std::vector<std::string> class_names;  ///< from "class_names" in the file's metadata, a JSON list; empty if not there
};

/// Reads the weights that ./run train wrote for a network: small (images 28x28x1), convnet or resnet50 (64x64x3), with
/// ":RECIPE" behind it for another than its first recipe. Error with the path when the file is no such file or holds
/// the weights of another network.
SavedModel load_saved_model(const std::filesystem::path& path, const std::string& network);

/// Probabilities (n, classes) from the outputs of a model: those of its softmax, or the softmax of its logits.
Tensor probabilities(const Model& model, const Tensor& outputs);

}  // namespace xtape
