// What a file is, by its first bytes: so that a file of a wrong kind gets a message that says which.
#pragma once

#include <string>
#include <string_view>

#include "framework/error.hpp"
#include "framework/io/input_file.hpp"

namespace xtape {

/// Whether a file begins with these bytes.
inline bool begins_with(const InputFile& file, std::string_view bytes) {
  std::string begin(bytes.size(), '\0');
  if (file.size() < static_cast<std::int64_t>(bytes.size())) return false;
  file.read(0, begin.data(), static_cast<std::int64_t>(begin.size()));
  return begin == bytes;
}

inline bool is_hdf5(const InputFile& file) { return begins_with(file, "\x89HDF\r\n\x1a\n"); }
inline bool is_zip(const InputFile& file) { return begins_with(file, "PK\x03\x04"); }

/// Error naming `function`, what it expects and the path when the file is a zip archive.
inline void check_no_zip(std::string_view function, std::string_view expected, const InputFile& file,
                         const std::string& path) {
  check(!is_zip(file),
        "{}: expected {}, got a zip archive: {}; if it is Keras's .keras format, unzip it and give its "
        "model.weights.h5 to load_weights(), or write model.save_weights(\"w.weights.h5\") in Keras",
        function, expected, path);
}

/// The same for a reader of safetensors, and when the file is one of HDF5.
inline void check_neither_zip_nor_hdf5(std::string_view function, std::string_view expected, const InputFile& file,
                                       const std::string& path) {
  check_no_zip(function, expected, file, path);
  check(!is_hdf5(file),
        "{}: expected {}, got an HDF5 file: {}; load_weights() reads Keras's weights into a model that code makes, "
        "load_hdf5() single arrays",
        function, expected, path);
}

}  // namespace xtape
