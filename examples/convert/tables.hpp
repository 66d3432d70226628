// The tables of convert: which layer became what.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <xtape/xtape.hpp>

namespace xtape {

/// What each layer became, by the path of the layer.
using LayerTargets = std::map<std::string, std::string>;

/// Prints a row for each layer, those of inner models too: path, class, number of parameters, and its target.
/// `heading` is that of the last column.
void print_layers(const Model& model, const LayerTargets& targets, const std::string& heading);

/// What the layers of a model are in its file: the operators of ONNX, the class and name in Keras (`reloaded` is the
/// model of the file), or the names of the parameters.
LayerTargets targets_in_file(const Model& model, const std::filesystem::path& path, const Model& reloaded);

/// The names of the stored tensors of each layer.
LayerTargets stored_tensors(const LoadReport& report);

}  // namespace xtape
