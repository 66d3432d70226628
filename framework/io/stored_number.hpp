// Numbers in the bytes of files. Internal to framework/io.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

namespace xtape {

/// A number from its bytes, which may have any alignment and are reversed if the byte order differs.
template <class Stored>
Stored stored_number(const char* bytes, bool swapped) {
  std::array<char, sizeof(Stored)> own;
  std::copy_n(bytes, own.size(), own.begin());
  if (swapped) std::ranges::reverse(own);
  return std::bit_cast<Stored>(own);
}

}  // namespace xtape
