// The part of a file's name that says its format.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

namespace xtape {

/// The extension in lower case: ".svg" for "model.SVG".
inline std::string lower_case_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension;
}

}  // namespace xtape
