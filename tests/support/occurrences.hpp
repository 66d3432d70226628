// How often words occur in what a program or a function writes.
#pragma once

#include <cstddef>
#include <string>

namespace xtape::test {

inline int occurrences(const std::string& text, const std::string& words) {
  int found = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
  return found;
}

}  // namespace xtape::test
