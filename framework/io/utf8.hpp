// Text that may be no UTF-8: where its characters end.
#pragma once

#include <string_view>

namespace xtape {

/// Bytes of the UTF-8 character that begins the text (RFC 3629), 1 to 4; 0 when none begins there.
std::size_t utf8_length(std::string_view text);

}  // namespace xtape
