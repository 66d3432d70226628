// HelperProcess: a small program of xtape's that does work in a process of its own, so that a library which damaged
// input crashes takes nothing along, and only that program needs the library.
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

/// A helper program, the Debian package with which xtape has to be built for it to exist, and the library that the
/// program needs to start.
struct HelperProgram {
  std::string_view name, package, library;
};
/// Reads and writes HDF5 files.
inline constexpr HelperProgram hdf5_helper{"xtape-hdf5", "libhdf5-dev", "libhdf5"};
/// Draws graphs in Graphviz's DOT language.
inline constexpr HelperProgram draw_helper{"xtape-draw", "libgraphviz-dev", "libgvc"};

/// Where the helper program is, in the first of helper_folders() that has it; empty when none has.
std::filesystem::path find_helper(const HelperProgram& program);

/// A running helper. It shares no memory, no open file and no signal handler with this process, and prints nothing.
class HelperProcess {
 public:
  using Texts = Channel::Texts;

  /// Starts the program, and waits until it answers. Error naming `function` when it is not installed, can't be started
  /// or ends before it answers, as it does without a `library` that it needs.
  HelperProcess(std::string_view function, const HelperProgram& program);
  HelperProcess(std::string_view function, const std::filesystem::path& program,
                std::string_view library = "every library that it needs");
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;
  /// Closes the connection, at which the helper ends, and waits for that. In a forked copy of the process that started
  /// the helper, only the copy's end of the connection is closed.
  ~HelperProcess() { end(); }

  /// Whether this process started it; a forked copy of that one can't use it.
  bool own() const;
  /// Sends a question, which may be followed by `count` bytes. The answer; nothing when the helper has ended. Throws
  /// the Error that the helper reports.
  std::optional<Texts> ask(const Texts& question, const void* bytes = nullptr, std::size_t count = 0);
  /// Bytes that follow an answer. False when the helper has ended.
  bool receive_bytes(void* bytes, std::size_t count) { return channel_ && channel_->receive_bytes(bytes, count); }
  /// The same as the destructor; returns how it ended: "Segmentation fault", "exit status 1".
  std::string end();

 private:
  std::unique_ptr<Channel> channel_;
  pid_t process_ = -1, owner_;  // of the helper, and of the process that started it
};

}  // namespace xtape
