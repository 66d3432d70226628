// The 16-bit floating-point formats. Internal to framework/io.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace xtape {

/// Converts IEEE 754 binary16 (5 exponent bits, 10 fraction bits) to float.
inline float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16, exponent = (bits >> 10) & 31U, fraction = bits & 1023U;
  if (exponent == 0) return std::copysign(std::ldexp(static_cast<float>(fraction), -24), sign ? -1.0F : 1.0F);
  return std::bit_cast<float>(sign | (exponent == 31 ? 255U : exponent + 112) << 23 | fraction << 13);
}

/// Converts bfloat16, the upper half of a float32, to float.
inline float from_brain(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

}  // namespace xtape
