// Numbers that depend on a name alone, and that the scripts in tests/golden compute likewise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape::test {

/// Numbers in [-0.5, 0.5), float64, from the FNV-1a hash of a name.
inline Tensor numbers(const std::string& name, const Shape& shape) {
  std::uint32_t state = 2166136261U;
  for (const char byte : name) state = (state ^ static_cast<unsigned char>(byte)) * 16777619U;
  std::vector<double> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = (static_cast<std::uint32_t>(i) * 2654435761U + state) / 4294967296.0 - 0.5;
  }
  return Tensor::of(shape, values, DType::float64);
}

}  // namespace xtape::test
