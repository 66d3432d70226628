// The JSON header of a safetensors file. Internal to framework/io.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.hpp"

namespace xtape {

/// An element type that can be read: its code in the format, its usual name, the DType after reading, and its size in
/// bytes.
struct SafetensorsType {
  std::string_view code, name;  ///< "BF16", "bfloat16"
  DType dtype;
  std::int64_t width;
};

/// The type that is written for a DType.
const SafetensorsType& safetensors_type(DType dtype);

/// The description of an array in the header. Offsets are in bytes from the end of the header.
struct SafetensorsEntry {
  std::string name;
  std::string code;             ///< code of the element type, such as "BF16"
  const SafetensorsType* type;  ///< null for types that cannot be read ("I32", "F8_E4M3"); their size is not checked
  Shape shape;                  ///< () if the array has more axes than a tensor can have
  std::size_t axes;             ///< number of axes in the file
  std::int64_t begin, end;
  bool is_read() const { return type && axes <= Shape::max_rank; }
};

/// The codes of the types that can be read, for messages.
inline constexpr const char* safetensors_types_read = "F32, F64, F16, BF16, I64 or U8";

/// The content of a header. The entries are in its order.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

inline constexpr const char* safetensors_metadata_name = "__metadata__";

/// Parses the text of a header in one pass, in time and memory proportional to its length. `data_size` is the number of
/// bytes after the header in the file; `path` is used in messages. Throws Error with path and name if the text is not
/// JSON of the required form, a name occurs twice, an array has an impossible type, shape or offset, or there are gaps
/// or overlap between arrays.
SafetensorsHeader read_safetensors_header(const std::string& text, std::int64_t data_size, const std::string& path);

}  // namespace xtape
