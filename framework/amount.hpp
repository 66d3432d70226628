// Numbers with the noun of what they count, for messages.
#pragma once

#include <fmt/format.h>
#include <string>
#include <string_view>

namespace xtape {

/// "1 image", "2 images". The plural is the noun with an s unless it is given.
template <class Integer>
std::string amount(Integer count, std::string_view noun, std::string_view plural = "") {
  if (count == 1) return fmt::format("1 {}", noun);
  return plural.empty() ? fmt::format("{} {}s", count, noun) : fmt::format("{} {}", count, plural);
}

}  // namespace xtape
