// Text that may be no UTF-8: where its characters end, and what may be stored and shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// Bytes of the UTF-8 character that begins the text (RFC 3629), 1 to 4; 0 when none begins there.
std::size_t utf8_length(std::string_view text);

/// Error unless a name can be stored and shown: UTF-8 without control characters (U+0000 to U+001F,
/// U+007F to U+009F).
void check_name(std::string_view name);
/// The same for each class name, and Error when one is empty or comes twice: "class_names[3]: expected ...".
void check_class_names(const std::vector<std::string>& names);

/// Text as a terminal may get it: with a ? for each control character (U+0000 to U+001F, U+007F to U+009F) and each
/// byte that is no UTF-8.
std::string printable(std::string_view text);

}  // namespace xtape
