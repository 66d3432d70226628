#include "framework/communication/wire_format.hpp"

#include <cstddef>
#include <vector>

namespace xtape {

std::uint16_t to_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  // All cases are computed and one is chosen, so that the compiler can use vectors.
  const std::uint32_t quiet_nan = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  const std::uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;  // another bias
  // Below 2^-14, the smallest normal number, a multiple of 2^-24, which is what the addition rounds to.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<std::uint32_t>(0.5f);
  const std::uint32_t finite = magnitude >= 0x38800000u ? normal : subnormal;
  // 65520 is halfway between 65504 and the next power of 2.
  const std::uint32_t number = magnitude >= 0x477ff000u ? 0x7c00u : finite;
  const std::uint32_t half = magnitude > 0x7f800000u ? quiet_nan : number;
  return static_cast<std::uint16_t>(sign | half);
}

float from_float16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  const std::uint32_t infinite_or_nan = 0x7f800000u | (magnitude & 0x3ffu) << 13,
                      normal = (magnitude << 13) + 0x38000000u;
  const auto subnormal =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f);
  const std::uint32_t finite = magnitude >= 0x400u ? normal : subnormal;
  const std::uint32_t bits = magnitude >= 0x7c00u ? infinite_or_nan : finite;
  return std::bit_cast<float>(sign | bits);
}

void to_wire(Wire wire, std::span<const float> values, std::span<std::uint16_t> halves) {
  if (wire == Wire::bfloat16) {
    for (std::size_t i = 0; i < values.size(); ++i) halves[i] = to_bfloat16(values[i]);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) halves[i] = to_float16(values[i]);
  }
}

void from_wire(Wire wire, std::span<const std::uint16_t> halves, std::span<float> values) {
  if (wire == Wire::bfloat16) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_bfloat16(halves[i]);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_float16(halves[i]);
  }
}

std::string_view to_string(Wire wire) {
  switch (wire) {
    case Wire::full: return "full";
    case Wire::bfloat16: return "bfloat16";
    case Wire::float16: return "float16";
  }
  return "?";
}

Tensor rounded(const Tensor& x, Wire wire) {
  check(x.defined() && x.dtype() == DType::float32, "rounded: expected a float32 tensor, got {}",
        x.defined() ? to_string(x.dtype()) : "an undefined one");
  if (wire == Wire::full) return x;
  const auto size = static_cast<std::size_t>(x.size());
  std::vector<std::uint16_t> halves(size);
  Tensor result = Tensor::empty(x.shape(), x.dtype());
  to_wire(wire, {x.data<float>(), size}, halves);
  from_wire(wire, halves, {result.mutable_data<float>(), size});
  return result;
}

}  // namespace xtape
