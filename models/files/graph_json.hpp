// Reads a layer graph from JSON text; the public graph_to_json() writes it. Internal to models/.
#pragma once

#include <functional>
#include <string>

#include "models/files/model_file.hpp"

namespace xtape {

/// A function that returns the value of a parameter by its path and its description.
using ValueOfPath = std::function<Tensor(const std::string& path, const ParameterSpec& spec)>;

/// Makes the model of a layer graph, with parameter values from `value_of`. Error with the position in the graph for
/// anything that is not valid.
Model graph_from_json(const std::string& text, const LoadModelOptions& options, const ValueOfPath& value_of);

}  // namespace xtape
