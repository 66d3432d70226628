// The search path for helper programs and modules that are loaded at run time.
#pragma once

#include <filesystem>
#include <vector>

namespace xtape {

/// The folders in which helper programs and modules are searched, in this order. If the environment variable
/// XTAPE_HELPERS is set, it is the only one. Otherwise they are the folder of the library, the installation folder
/// relative to the library, and the installation folder of the build's prefix.
std::vector<std::filesystem::path> helper_folders();

}  // namespace xtape
