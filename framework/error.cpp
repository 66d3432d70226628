#include "framework/error.hpp"

namespace xtape {
namespace {

constexpr std::size_t longest = 10'000;

std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool control = (c >= 0 && c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
    if (control) {
      result += fmt::format("\\x{:02x}", static_cast<int>(c));
    } else {
      result += c;
    }
  }
  if (result.size() <= longest) return result;
  return result.substr(0, longest / 2) + " [...] " + result.substr(result.size() - longest / 2);
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(printable(message)) {}

}  // namespace xtape
