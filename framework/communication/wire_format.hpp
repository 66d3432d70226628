// Conversion between float32 and the 16-bit formats in which tensors may travel.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "framework/communication/communicator.hpp"

namespace xtape {

/// The bfloat16 nearest to x, to even: the upper half of a float32. A NaN keeps its sign and becomes a quiet NaN.
inline std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t quiet_nan = bits >> 16 | 0x40u, nearest = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : nearest);
}

inline float from_bfloat16(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

/// The float16 (IEEE binary16) nearest to x, to even, subnormal numbers included. Values that round above 65504 become
/// infinite. A NaN keeps its sign and becomes a quiet NaN.
std::uint16_t to_float16(float x);
float from_float16(std::uint16_t half);

/// Converts all elements. `wire` is bfloat16 or float16; the spans have one size.
void to_wire(Wire wire, std::span<const float> values, std::span<std::uint16_t> halves);
void from_wire(Wire wire, std::span<const std::uint16_t> halves, std::span<float> values);

}  // namespace xtape
