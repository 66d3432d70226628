// RunningClock: the time for which a process has waited.
#pragma once

#include <algorithm>
#include <chrono>

namespace xtape {

/// The time for which this process has run while waiting. It does not count the time for which the process or the
/// machine was stopped, during which messages from other ranks could not be read.
class RunningClock {
 public:
  using Duration = std::chrono::microseconds;

  Duration now() {
    const auto time = std::chrono::steady_clock::now();
    elapsed_ += std::min(std::chrono::duration_cast<Duration>(time - last_), Duration(std::chrono::seconds(1)));
    last_ = time;
    return elapsed_;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  Duration elapsed_{0};
};

}  // namespace xtape
