// Errors that say where they happened, and paths in errors.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "framework/error.hpp"
#include "framework/io/utf8.hpp"

namespace xtape {

/// A path for messages, in which an empty one is visible.
inline std::string path_text(const std::filesystem::path& path) {
  return path.empty() ? "an empty path" : path.string();
}

/// Error for a path with a zero byte, where the system would cut it off.
inline void check_path(std::string_view function, const std::filesystem::path& path) {
  check(path.native().find('\0') == std::string::npos, "{}{}expected a path without zero bytes, got \"{}\"", function,
        function.empty() ? "" : ": ", printable(path.native()));
}

/// Calls `work` and returns its result. An Error gets the function and the place, such as the path of a file, in front
/// of its message: "function: place: expected ...".
template <class Work>
auto with_place(std::string_view function, const std::string& place, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    fail_as(error, "{}: {}: {}", function, place, error.what());
  }
}

}  // namespace xtape
