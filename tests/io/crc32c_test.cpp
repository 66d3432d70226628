#include "framework/io/crc32c.hpp"

#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("CRC-32C has the values of RFC 3720, section B.4") {
  std::string rising, falling;
  for (char i = 0; i < 32; ++i) rising += i, falling += static_cast<char>(31 - i);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  CHECK(crc32c(rising) == 0x46DD794E);
  CHECK(crc32c(falling) == 0x113FDB5C);
  CHECK(crc32c("123456789") == 0xE3069283);  // the check value of the polynomial
  CHECK(crc32c("") == 0);
}
