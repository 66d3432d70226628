// The safetensors format: named arrays in one file (https://github.com/huggingface/safetensors).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// The content of a safetensors file.
struct SafetensorsFile {
  std::vector<NamedTensor> tensors;             ///< in the order of the file's header
  std::map<std::string, std::string> metadata;  ///< arbitrary texts with arbitrary keys
};

/// Writes tensors and metadata to a file, atomically (see write_atomically). float32, float64, int64 and uint8 become
/// F32, F64, I64 and U8. Every array begins at a multiple of its element size. Throws Error with the path if a tensor
/// is undefined, two names are equal, a name is "__metadata__", a text is not UTF-8, or the file cannot be written.
void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads a safetensors file. F16 and BF16 become float32, which represents all their values. The header is checked
/// before memory is allocated for tensors: its length, its JSON syntax, whether shapes and offsets agree, and whether
/// the arrays cover the rest of the file without gap or overlap. Throws Error with the path and the tensor if a check
/// fails, or if a tensor has a type other than F32, F64, F16, BF16, I64 and U8.
SafetensorsFile load_safetensors(const std::filesystem::path& path);

/// Describes the tensors of a safetensors file in the order of its header, after the same checks, without reading them.
/// An array is read when its read() is called; the file stays open until then. Tensors of other types are listed
/// without a dtype; their read() throws Error.
std::vector<StoredTensor> list_safetensors(const std::filesystem::path& path);

/// Reads only the metadata of a safetensors file, after the same checks.
std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path);

}  // namespace xtape
