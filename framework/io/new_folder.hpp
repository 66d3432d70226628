// A folder that nobody else has, for names that nobody chose.
#pragma once

#include <filesystem>
#include <string_view>

namespace xtape {

/// Makes the folder `path` and the folders above it; where something of this name exists, `path`-2, `path`-3, ... No
/// two callers, of whatever process, get the same folder. Returns its path. Error naming `function` when no folder can
/// be made there.
std::filesystem::path make_new_folder(std::string_view function, const std::filesystem::path& path);

}  // namespace xtape
