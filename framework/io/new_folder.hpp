// Creation of folders with unique names.
#pragma once

#include <filesystem>
#include <string_view>

namespace xtape {

/// Creates the folder `path` and its parent folders, and returns its path. If `path` exists, the name is `path`-2,
/// `path`-3, ... No two callers, not even in different processes, get the same folder. Throws Error with `function` if
/// the folder cannot be created.
std::filesystem::path make_new_folder(std::string_view function, const std::filesystem::path& path);

}  // namespace xtape
