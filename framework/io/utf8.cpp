#include "framework/io/utf8.hpp"

#include <algorithm>
#include <set>

#include "framework/error.hpp"

namespace xtape {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0), second = byte(1);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool shortest = first != 0xE0 || second >= 0xA0, no_surrogate = first != 0xED || second < 0xA0;
    return follows(1) && follows(2) && shortest && no_surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool in_range = (first != 0xF0 || second >= 0x90) && (first != 0xF4 || second < 0x90);
    return follows(1) && follows(2) && follows(3) && in_range ? 4 : 0;
  }
  return 0;
}

namespace {

/// Whether a valid UTF-8 character is in U+0000 to U+001F or U+007F to U+009F.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  return first < 0x20 || first == 0x7F || (first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0);
}

}  // namespace

void check_name(std::string_view name) {
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t length = utf8_length(name.substr(at));
    check(length > 0, "expected text in UTF-8, got byte 0x{:02x} after {} others", static_cast<unsigned char>(name[at]),
          at);
    check(!is_control(name.substr(at, length)),
          "expected text without control characters, got byte 0x{:02x} after {} others",
          static_cast<unsigned char>(name[at + length - 1]), at + length - 1);
    at += length;
  }
}

void check_class_names(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    try {
      check(!names[i].empty(), "expected a name, got an empty text");
      check_name(names[i]);
      check(seen.insert(names[i]).second, "expected different names, got \"{:.60}\" twice", names[i]);
    } catch (const Error& error) {
      fail_as(error, "class_names[{}]: {}", i, error.what());
    }
  }
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const bool shown = length > 0 && !is_control(text.substr(0, length));
    result += shown ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace xtape
