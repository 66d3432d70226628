// What the main() of a helper program consists of. Internal to framework/io/helpers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "framework/io/channel.hpp"

namespace xtape::helpers {

/// Texts, and bytes that follow them.
struct Answer {
  Channel::Texts texts = {};
  std::string bytes = {};
};

/// Answers questions, each a function's name and its arguments, until the other process closes the connection. `answer`
/// may receive bytes that follow the question; it does not see the greeting, which asks whether the program runs. An
/// answer on the wire begins with the message of the Error that was
/// thrown, or "". Leaves no core, and a Ctrl-C that reaches both processes is for the other one to handle. At the end
/// the process ends at once: nothing is to be cleaned up, and what a damaged file left behind might not survive it.
[[noreturn]] void serve(const std::function<Answer(Channel& channel, const Channel::Texts& question)>& answer);

/// How much a helper may take before it is ended: memory on top of what it had when this was made, and time of the
/// processor.
class ProcessLimits {
 public:
  ProcessLimits();
  /// Allows 1 GiB and 5 seconds for the process itself, and what it takes to work on so many bytes now (four times
  /// their memory; a second for 4 MiB, which adds up).
  void allow(std::uint64_t bytes);

 private:
  std::uint64_t memory_ = 0, bytes_ = 0;
};

}  // namespace xtape::helpers
