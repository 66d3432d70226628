// Writer: an HDF5 file that is created in memory, in the helper process of save_hdf5. Internal to framework/io/helpers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "framework/io/helpers/hdf5_handle.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape::hdf5 {

/// Creates the file in memory, because HDF5 does not recover from a full disk.
class Writer {
 public:
  /// `path` is used in messages; `bytes` is the approximate size of the file. Every function throws the Errors of
  /// save_hdf5().
  Writer(std::string path, std::size_t bytes);
  void write_dataset(const std::string& name, DType dtype, const Shape& shape, const void* elements) const;
  /// Writes an attribute of the group `owner`, which is created if it does not exist. Without values it is an empty
  /// array.
  void write_attribute(const std::string& owner, const std::string& name, bool array,
                       const std::vector<std::string>& values) const;
  /// The content of the file.
  std::string image() const;

 private:
  Handle group(const std::string& name) const;

  std::string path_;
  Handle access_, file_;
};

}  // namespace xtape::hdf5
