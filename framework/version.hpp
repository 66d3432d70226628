// Which xtape this is.
#pragma once

#include <string_view>

namespace xtape {

/// The version of the library that runs, "0.2.0": that of the build's meson.build.
std::string_view version();

}  // namespace xtape
