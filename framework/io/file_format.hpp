// Recognition of file formats by their signatures, for error messages that name the actual format.
#pragma once

#include <string>
#include <string_view>

#include "framework/error.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {

/// Whether a file has the given bytes at `offset`.
inline bool has_at(const InputFile& file, std::int64_t offset, std::string_view bytes) {
  const auto count = static_cast<std::int64_t>(bytes.size());
  if (file.size() < count || offset > file.size() - count) return false;
  std::string found(bytes.size(), '\0');
  file.read(offset, found.data(), count);
  return found == bytes;
}

/// Whether a file has the signature of HDF5, at offset 0 or after a user block at 512, 1024, 2048, ... (HDF5 File
/// Format Specification, section II.A).
inline bool is_hdf5(const InputFile& file) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  if (has_at(file, 0, signature)) return true;
  for (std::int64_t offset = 512; offset < file.size(); offset *= 2) {
    if (has_at(file, offset, signature)) return true;
  }
  return false;
}
/// Whether a file is a zip archive, empty or not (PKWARE: .ZIP File Format Specification, sections 4.3.7 and 4.3.16).
inline bool is_zip(const InputFile& file) { return has_at(file, 0, "PK\x03\x04") || has_at(file, 0, "PK\x05\x06"); }
/// Whether a file may be in safetensors format: a JSON object begins after the 8 bytes of the header's length.
inline bool may_be_safetensors(const InputFile& file) { return has_at(file, 8, "{"); }

/// Throws an Error that names `function`, `expected` and the path if the file is empty or a zip archive.
inline void check_neither_empty_nor_zip(std::string_view function, std::string_view expected, const InputFile& file,
                                        const std::string& path) {
  check(file.size() > 0, "{}: expected {}, got an empty file: {}", function, expected, path);
  check(!is_zip(file),
        "{}: expected {}, got a zip archive: {}; if it is Keras's .keras format, load_keras_model() reads it, and "
        "load_weights() the model.weights.h5 in it",
        function, expected, path);
}

/// Throws an Error like check_neither_empty_nor_zip() for a reader of safetensors, also if the file is an HDF5 file.
inline void check_safetensors(std::string_view function, const InputFile& file, const std::string& path) {
  constexpr std::string_view expected = "a safetensors file";
  check_neither_empty_nor_zip(function, expected, file, path);
  check(!is_hdf5(file),
        "{}: expected {}, got an HDF5 file: {}; load_weights() reads Keras's weights into a model that code makes, "
        "load_hdf5() single arrays",
        function, expected, path);
}

}  // namespace xtape
