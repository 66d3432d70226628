// The networks of models/zoo by name.
#pragma once

#include <string>
#include <xtape/xtape.hpp>

namespace xtape {

/// The names of the networks, for --help.
std::string network_names();

/// The network with this name. Error with all names when there is none.
Model network_of_name(const std::string& name, const NetworkOptions& options);

}  // namespace xtape
