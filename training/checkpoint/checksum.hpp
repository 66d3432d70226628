// Checksum: a CRC-32 of tensors and text.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <string>

#include "framework/tensor/tensor.hpp"
#include "models/graph/model.hpp"

namespace xtape {

/// A CRC-32 that grows with what is added.
class Checksum {
 public:
  void add(const void* bytes, std::size_t count) { sum_ = crc32_z(sum_, static_cast<const Bytef*>(bytes), count); }
  void add(const std::string& text) { add(text.data(), text.size()); }
  /// Type, shape and elements.
  void add(const Tensor& tensor) {
    add(fmt::format("{} {};", tensor.dtype(), tensor.shape()));
    with_type(tensor.dtype(), [&](auto zero) {
      if (tensor.size() > 0) add(tensor.data<decltype(zero)>(), static_cast<std::size_t>(tensor.size_in_bytes()));
    });
  }
  std::string text() const { return fmt::format("{:08x}", sum_); }

 private:
  uLong sum_ = crc32(0, nullptr, 0);
};

/// Of the names and values of all parameters.
inline std::string checksum_of_weights(const Model& model) {
  Checksum sum;
  for (const auto& [name, parameter] : model.named_parameters()) {
    sum.add(name + " ");
    sum.add(parameter.value());
  }
  return sum.text();
}

}  // namespace xtape
