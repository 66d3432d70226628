// The part of a file's name that says its format: one rule for all that read or write files.
#pragma once

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace xtape {

/// The text with A to Z as a to z.
inline std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// The extension in lower case: ".svg" for "model.SVG".
inline std::string lower_case_extension(const std::filesystem::path& path) {
  return lower_case(path.extension().string());
}

/// Whether a name ends in one of these, whatever the case of its letters: ".h5", or ".weights.h5" of several parts. ""
/// stands for a name without an extension. A name that consists of the extension alone has none.
inline bool has_extension(const std::filesystem::path& path, std::initializer_list<std::string_view> extensions) {
  const std::string name = lower_case(path.filename().string());
  return std::ranges::any_of(extensions, [&](std::string_view extension) {
    return extension.empty() ? !path.has_extension() : name.size() > extension.size() && name.ends_with(extension);
  });
}

}  // namespace xtape
