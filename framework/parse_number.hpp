// Numbers in texts.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace xtape {

/// The number that the whole text consists of, in the form of std::from_chars; nullopt for other texts and for numbers
/// that are out of the range of the type.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace xtape
