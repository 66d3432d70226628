// Validation of UTF-8 text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// The length in bytes, 1 to 4, of the UTF-8 character at the beginning of the text (RFC 3629); 0 if there is no valid
/// one.
std::size_t utf8_length(std::string_view text);

/// Throws Error unless a name is valid UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F).
void check_name(std::string_view name);
/// Checks each class name with check_name(). Also throws Error if a name is empty or occurs twice. The message begins
/// with the index: "class_names[3]: expected ...".
void check_class_names(const std::vector<std::string>& names);

/// A text for a message, which shows that an empty one is there: "" for it, in quotes.
inline std::string visible(const std::string& text) { return text.empty() ? "\"\"" : text; }

/// Makes a text safe for a terminal: replaces each control character (U+0000 to U+001F, U+007F to U+009F) and each byte
/// that is not valid UTF-8 by "?".
std::string printable(std::string_view text);

}  // namespace xtape
