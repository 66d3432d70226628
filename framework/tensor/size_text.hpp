// Formatting of sizes and counts for people.
#pragma once

#include <cstdint>
#include <string>

namespace xtape {

/// A size in B, kB, MB or GB, in steps of 1000: "512 B", "4.8 kB", "94.4 MB", "1.5 GB".
std::string bytes_text(double bytes);

/// A number with thousands separators: "23,600,006".
std::string thousands(std::int64_t value);

/// A count with thousands separators, or in millions if it is at least one million: "4,000", "617.9 million".
std::string count_text(double count);

}  // namespace xtape
