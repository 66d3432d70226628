// serve: the main loop of a helper program. Internal to framework/io/helpers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "framework/io/channel.hpp"

namespace xtape::helpers {

/// A reply: texts, and bytes that follow them.
struct Answer {
  Channel::Texts texts = {};
  std::string bytes = {};
};

/// Answers requests until the other process closes the connection, then exits. `answer` is called for each request; it
/// may receive bytes that follow the request. The greeting, a request whose reply shows that the program runs, is
/// answered here. A reply begins with the message of the Error that `answer` threw, or "". The process writes no core
/// dump and ignores Ctrl-C, which the other process handles. It exits with _exit(), without destructors: there is
/// nothing to clean up, and destructors might crash on memory that a damaged file has corrupted.
[[noreturn]] void serve(const std::function<Answer(Channel& channel, const Channel::Texts& question)>& answer);

/// The limits on memory and processor time of a helper. Memory is counted on top of what the process used when this was
/// constructed. A helper that exceeds a limit fails or is killed.
class ProcessLimits {
 public:
  ProcessLimits();
  /// Sets the limits for work on `bytes` bytes: memory of 1 GiB + 4 * bytes, and processor time of 5 seconds plus one
  /// second for every 4 MiB of all calls so far.
  void allow(std::uint64_t bytes);

 private:
  std::uint64_t memory_ = 0, bytes_ = 0;
};

}  // namespace xtape::helpers
