// Sizes and counts as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace xtape {

/// "512 B", "4.8 kB", "94.4 MB", "1.5 GB": in steps of 1000, never 0.0 of something.
std::string bytes_text(double bytes);

/// "23,600,006".
std::string thousands(std::int64_t value);

/// "4,000", and from a million on "617.9 million".
std::string count_text(double count);

}  // namespace xtape
