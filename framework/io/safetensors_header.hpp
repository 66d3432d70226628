// The JSON header of a safetensors file. Internal to framework/io.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An element type that is read: its name in the format and elsewhere, what it is read as, and how many bytes it has.
struct SafetensorsType {
  std::string_view code, name;  ///< "BF16", "bfloat16"
  DType dtype;
  std::int64_t width;
};

/// The type that is written for ours.
const SafetensorsType& safetensors_type(DType dtype);

/// One array as the header describes it; offsets in bytes from the end of the header.
struct SafetensorsEntry {
  std::string name;
  std::string code;             ///< of its type, "BF16"
  const SafetensorsType* type;  ///< null for types that are not read ("I32", "F8_E4M3"), whose size is not checked
  Shape shape;                  ///< of no axes when it has more than a tensor can have
  std::size_t axes;             ///< how many the file gives it
  std::int64_t begin, end;
  bool is_read() const { return type && axes <= Shape::max_rank; }
};

/// For messages.
inline constexpr const char* safetensors_types_read = "F32, F64, F16, BF16, I64 or U8";

/// What a header says, entries in its order.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

inline constexpr const char* safetensors_metadata_name = "__metadata__";

/// Reads the header's text in one pass, in time and memory that grow with its length. `data_size`: bytes that follow it
/// in the file; `path` is for messages. Error with path and name when it is not the JSON it should be, has a name
/// twice, has an array of a type, shape or place that can't be, or when there are gaps or overlap between arrays.
SafetensorsHeader read_safetensors_header(const std::string& text, std::int64_t data_size, const std::string& path);

}  // namespace xtape
