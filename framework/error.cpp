#include "framework/error.hpp"

namespace xtape {
namespace {

constexpr std::size_t longest = 10'000;

std::string printable(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool above_127 = byte == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F in UTF-8
    if (above_127) {
      result += fmt::format("\\x{:02x}", next);
      ++i;
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += text[i];
    }
  }
  if (result.size() <= longest) return result;
  return result.substr(0, longest / 2) + " [...] " + result.substr(result.size() - longest / 2);
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(printable(message)) {}

}  // namespace xtape
