// Where xtape's helper programs are looked for.
#pragma once

#include <filesystem>
#include <vector>

namespace xtape {

/// The folder that the environment variable XTAPE_HELPERS names; when it is not set, the folders that this build of
/// xtape knows: beside the library, where it was installed relative to the library, and where it was to be installed.
std::vector<std::filesystem::path> helper_folders();

}  // namespace xtape
