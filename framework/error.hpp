// xtape reports invalid input by an Error whose message reads "function: expected ..., got ...; hint".
#pragma once

#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <utility>

namespace xtape {

/// Thrown for all errors that a user can cause: shapes, types, options, files. The message states what was expected,
/// what was given and what to do. Violations of internal invariants are asserts instead.
class Error : public std::runtime_error {
 public:
  /// Messages may quote the contents of files and appear on terminals. Therefore control characters (U+0000 to U+001F
  /// except tabs and new lines, U+007F to U+009F) are written as "\x1b", and the middle of a text above 10,000 bytes is
  /// left out.
  explicit Error(const std::string& message);
};

/// Thrown when the system has not enough memory for a tensor or the workspace of a kernel. There may be enough later,
/// or for a smaller batch.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// Throws Error with a message in fmt's format.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws an error of the type of `cause`, Error or OutOfMemory. For handlers that add to a message where it happened.
template <class... Args>
[[noreturn]] void fail_as(const Error& cause, fmt::format_string<Args...> format, Args&&... args) {
  const std::string message = fmt::format(format, std::forward<Args>(args)...);
  if (dynamic_cast<const OutOfMemory*>(&cause)) throw OutOfMemory(message);
  throw Error(message);
}

/// Throws Error with the given message unless `condition` holds; the message is formatted only if it is needed.
template <class... Args>
void check(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace xtape
