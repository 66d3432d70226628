// HelperProcess: runs one of xtape's helper programs. A helper isolates a library that may crash on damaged input, and
// only the helper is linked with that library.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "framework/io/channel.hpp"

namespace xtape {

/// A helper program: its file name, the Debian package that xtape needs at build time to include it, and the library
/// that it needs at run time.
struct HelperProgram {
  std::string_view name, package, dependency;
};
/// Reads and writes HDF5 files.
inline constexpr HelperProgram hdf5_helper{"xtape-hdf5", "libhdf5-dev", "libhdf5"};
/// Draws graphs in Graphviz's DOT language.
inline constexpr HelperProgram draw_helper{"xtape-draw", "libgraphviz-dev", "libgvc"};

/// The path of a helper program in the first of helper_folders() that has it; empty if none has it.
std::filesystem::path find_helper(const HelperProgram& program);

/// A running helper. It shares no memory, open file or signal handler with this process, and prints nothing.
class HelperProcess {
 public:
  using Texts = Channel::Texts;

  /// Starts the program and waits for its first reply. Throws Error that names `function` if the program is not
  /// installed, cannot be started, or exits before it replies, as it does if a `library` that it needs is missing.
  HelperProcess(std::string_view function, const HelperProgram& program);
  HelperProcess(std::string_view function, const std::filesystem::path& program,
                std::string_view dependency = "every library that it needs");
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;
  /// Closes the connection, which makes the helper exit, and waits for it. In a forked child of the process that
  /// started the helper, only closes the child's end of the connection.
  ~HelperProcess() { end(); }

  /// Whether this process started the helper. A forked child cannot use it.
  bool own() const;
  /// Sends a request, followed by `count` bytes, and returns the reply; nullopt if the helper has exited. Throws the
  /// Error that the helper reports.
  std::optional<Texts> ask(const Texts& question, const void* bytes = nullptr, std::size_t count = 0);
  /// Receives bytes that follow a reply. Returns false if the helper has exited.
  bool receive_bytes(void* bytes, std::size_t count) { return channel_ && channel_->receive_bytes(bytes, count); }
  /// Does the same as the destructor and returns how the helper ended: "Segmentation fault", "exit status 1".
  std::string end();

 private:
  std::unique_ptr<Channel> channel_;
  pid_t process_ = -1, owner_;  // the ids of the helper and of the process that started it
};

}  // namespace xtape
