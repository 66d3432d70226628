// Tests of time limits on machines of any speed.
#pragma once

#include <chrono>
#include <string>

namespace xtape::test {

/// The text that `run` returns for the limit `shortest`, or for the first of its multiples by 2, 4, ... (at most a
/// minute) with which the text contains `expected`. With a short limit a rank other than the tested one may be late if
/// the machine is slow.
template <class Run>
std::string with_enough_time(std::chrono::milliseconds shortest, const std::string& expected, const Run& run) {
  for (auto limit = shortest;; limit *= 2) {
    std::string text = run(limit);
    if (text.find(expected) != std::string::npos || 2 * limit > std::chrono::minutes(1)) return text;
  }
}

}  // namespace xtape::test
