// A layer graph from JSON text; graph_to_json() is public. Internal to models/.
#pragma once

#include <functional>
#include <string>

#include "models/model_file.hpp"

namespace xtape {

/// The value of a parameter: its path and what the layer wants to have there.
using ValueOfPath = std::function<Tensor(const std::string& path, const ParameterSpec& spec)>;

/// Makes the model again, with parameters from `value_of`. Error naming the place in the graph for whatever does not
/// fit.
Model graph_from_json(const std::string& text, const LoadModelOptions& options, const ValueOfPath& value_of);

}  // namespace xtape
