#include "framework/communication/wire_format.hpp"

#include <cstddef>
#include <vector>

namespace xtape {

std::uint16_t to_float16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // 65520, halfway between 65504 and the next power of 2
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14, the smallest normal number: change the exponent's bias, and round
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  } else {  // a multiple of 2^-24, which is what the addition rounds to
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<std::uint32_t>(0.5f);
  }
  return static_cast<std::uint16_t>(sign | half);
}

float from_float16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  std::uint32_t bits = 0;
  if (magnitude >= 0x7c00u) {
    bits = 0x7f800000u | (magnitude & 0x3ffu) << 13;
  } else if (magnitude >= 0x400u) {
    bits = (magnitude << 13) + 0x38000000u;
  } else {
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  }
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
