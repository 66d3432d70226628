// Compiled twice with different folders, because an installed library must not search the build folder.
#include "framework/helper_folders.hpp"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace xtape {
namespace {

constexpr std::array known_folders{XTAPE_HELPER_FOLDERS};  // absolute, or relative to the folder of this_binary()

/// The path of the shared library that contains this code, or of the program if it is linked statically.
std::filesystem::path this_binary() {
  Dl_info info{};
  link_map* map = nullptr;
  const auto* here = reinterpret_cast<const void*>(&helper_folders);
  const bool found = dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0;
  const bool library = found && map && *map->l_name != '\0';  // the name is empty for a program
  std::error_code error;
  return std::filesystem::canonical(library ? map->l_name : "/proc/self/exe", error);
}

}  // namespace

std::vector<std::filesystem::path> helper_folders() {
  const char* named = secure_getenv("XTAPE_HELPERS");
  if (named && *named != '\0') return {named};
  const std::filesystem::path folder = this_binary().parent_path();
  std::vector<std::filesystem::path> folders;
  for (const std::string_view known : known_folders) folders.push_back((folder / known).lexically_normal());
  return folders;
}

}  // namespace xtape
