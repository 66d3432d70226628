#include "framework/tensor/size_text.hpp"

#include <cmath>
#include <fmt/format.h>

namespace xtape {

std::string bytes_text(double bytes) {
  if (bytes < 999.5) return fmt::format("{:.0f} B", bytes);
  if (bytes < 999.95e3) return fmt::format("{:.1f} kB", bytes / 1e3);
  if (bytes < 999.95e6) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.1f} GB", bytes / 1e9);
}

std::string thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::ptrdiff_t first = value < 0 ? 1 : 0;  // behind the sign
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string count_text(double count) {
  return count < 1e6 ? thousands(std::llround(count)) : fmt::format("{:.1f} million", count / 1e6);
}

}  // namespace xtape
