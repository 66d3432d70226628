// CRC-32C, the checksum of TFRecord files.
#pragma once

#include <cstdint>
#include <string_view>

namespace xtape {

/// The CRC-32C of the bytes: the polynomial 0x1EDC6F41 of Castagnoli, bits reflected (RFC 3720, section 12.1).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace xtape
