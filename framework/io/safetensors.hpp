// The safetensors format (https://github.com/huggingface/safetensors): named arrays in one file, safe to read.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// What a safetensors file holds.
struct SafetensorsFile {
  std::vector<NamedTensor> tensors;             ///< in the order of the file's header
  std::map<std::string, std::string> metadata;  ///< free text under free keys
};

/// Writes tensors and metadata, all or nothing (see write_atomically). float32, float64, int64 and uint8 become F32,
/// F64, I64 and U8; every array begins at a multiple of its element's size. Error with the path when a tensor is
/// undefined, two names are the same, one is "__metadata__" or text is not UTF-8, and when the file can't be written.
void save_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// Reads a safetensors file; F16 and BF16 become float32, which holds all their values. The header is checked before
/// memory is taken for tensors: its length, its JSON, and that shapes and offsets agree and the arrays cover the rest
/// of the file without gap or overlap. Error with the path, the tensor and what was expected otherwise, and for a
/// tensor of a type other than F32, F64, F16, BF16, I64 and U8, because all tensors are asked for here.
SafetensorsFile load_safetensors(const std::filesystem::path& path);

/// The same without reading the arrays: each is read from the file, which stays open, when its read() is called.
/// Tensors of other types are listed too, without a dtype; only reading them is an Error.
std::vector<StoredTensor> list_safetensors(const std::filesystem::path& path);

/// The metadata alone; the header is checked in the same way.
std::map<std::string, std::string> safetensors_metadata(const std::filesystem::path& path);

}  // namespace xtape
