// Compiled twice, because a library that is installed must not look into the folder where it was built.
#include "framework/io/helper_folders.hpp"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace xtape {
namespace {

constexpr std::array known_folders{XTAPE_HELPER_FOLDERS};  // absolute, or relative to the folder of this code

/// The shared library that holds this code, or the program when it is linked into that.
std::filesystem::path this_binary() {
  Dl_info info{};
  link_map* map = nullptr;
  const auto* here = reinterpret_cast<const void*>(&helper_folders);
  const bool found = dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0;
  const bool library = found && map && *map->l_name != '\0';  // a program has no name there
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
