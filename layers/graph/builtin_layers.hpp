// The built-in layers by the type names that model files use.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "layers/graph/layer.hpp"

namespace xtape {

/// A function that makes a layer from the options in a file. It throws an Error that names the option that is not
/// valid.
using LayerFactory = std::function<std::shared_ptr<Layer>(const LayerConfig& config)>;

/// The factories of all built-in layers by layer type, such as "Conv2D".
std::map<std::string, LayerFactory> builtin_layers();

}  // namespace xtape
