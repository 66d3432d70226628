// The one way xtape reports bad input: an Error whose message reads "function: expected ..., got ...; hint".
#pragma once

#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <utility>

namespace xtape {

/// Thrown for everything a user can get wrong: shapes, types, options, files. The message says what was expected, what
/// came and what to do. Broken promises inside the library are asserts instead.
class Error : public std::runtime_error {
 public:
  /// Messages repeat what files say, and end up on terminals: control characters (U+0000 to U+001F but tabs and new
  /// lines, U+007F to U+009F) are written as "\x1b", and of a text above 10,000 bytes the middle is left out.
  explicit Error(const std::string& message);
};

/// Throws Error with a message in fmt's format.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with the given message unless `condition` holds; the message is only formatted when it is needed.
template <class... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace xtape
