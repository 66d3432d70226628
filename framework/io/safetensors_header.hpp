// The JSON header of a safetensors file. Internal to framework/io.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// One array as the header describes it; offsets in bytes from the end of the header.
struct SafetensorsEntry {
  std::string name;
  DType dtype;
  Shape shape;
  std::int64_t begin, end;
};

/// What a header says, entries in its order.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

inline constexpr const char* safetensors_metadata_name = "__metadata__";

/// The format's name for an element type: "F32" for float32.
const char* safetensors_type(DType dtype);

/// Reads the header's text in one pass, in time and memory that grow with its length. `data_size`: bytes that follow it
/// in the file; `path` is for messages. Error with path and name when it is not the JSON it should be, has a name
/// twice, has an array of a type, shape or place that can't be, or when there are gaps or overlap between arrays.
SafetensorsHeader read_safetensors_header(const std::string& text, std::int64_t data_size, const std::string& path);

}  // namespace xtape
