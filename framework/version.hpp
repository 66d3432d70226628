// The version of xtape.
#pragma once

#include <string_view>

namespace xtape {

/// The version of the library in use, such as "0.2.0", as given in meson.build.
std::string_view version();

}  // namespace xtape
