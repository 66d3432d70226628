// File name extensions: the rule by which all readers and writers recognize a format.
#pragma once

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace xtape {

/// The text with the letters A to Z in lower case; other characters do not change.
inline std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// The extension in lower case: ".svg" for "model.SVG". A name that begins with its last dot is an extension alone:
/// ".svg" for ".svg".
inline std::string lower_case_extension(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const std::size_t dot = name == "." || name == ".." ? std::string::npos : name.rfind('.');
  return dot == std::string::npos ? "" : lower_case(name.substr(dot));
}

/// Whether a file name ends in one of the extensions, regardless of case. An extension may have several parts:
/// ".weights.h5". "" matches a name without an extension.
inline bool has_extension(const std::filesystem::path& path, std::initializer_list<std::string_view> extensions) {
  const std::string name = lower_case(path.filename().string());
  return std::ranges::any_of(extensions, [&](std::string_view extension) {
    return extension.empty() ? lower_case_extension(path).empty() : name.ends_with(extension);
  });
}

}  // namespace xtape
