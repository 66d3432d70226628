// A layer graph as JSON text, and back. Internal to models/.
#pragma once

#include <functional>
#include <string>

#include "models/model_file.hpp"

namespace xtape {

/// {"class_name": "Model", "name": ..., "config": {"layers": [...], "nodes": [...], "inputs": [...], "outputs":
/// [...]}}: layers once each with class_name, name, trainable and config; nodes, the calls, in the order of computation
/// with the name of their layer and the numbers of the nodes they read. Error for layers that a file can't hold.
std::string graph_to_json(const Model& model);

/// The value of a parameter: its path and what the layer wants to have there.
using ValueOfPath = std::function<Tensor(const std::string& path, const ParameterSpec& spec)>;

/// Makes the model again, with parameters from `value_of`. Error naming the place in the graph for whatever does not
/// fit.
Model graph_from_json(const std::string& text, const LoadModelOptions& options, const ValueOfPath& value_of);

}  // namespace xtape
