// The layers that a file may name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "layers/layer.hpp"

namespace xtape {

/// Makes a layer from the options that a file holds. Error naming the option that does not fit.
using LayerFactory = std::function<std::shared_ptr<Layer>(const LayerConfig& config)>;

/// xtape's own layers by type.
std::map<std::string, LayerFactory> builtin_layers();

}  // namespace xtape
