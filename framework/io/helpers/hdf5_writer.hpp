// Writer: an HDF5 file that is made in memory, in the process that answers for save_hdf5. Internal to
// framework/io/helpers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "framework/io/helpers/hdf5_handle.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape::hdf5 {

/// In memory, because HDF5 does not recover from a disk that is full.
class Writer {
 public:
  /// `path` is for messages, `bytes` what is about to be written. Error as save_hdf5() from every function.
  Writer(std::string path, std::size_t bytes);
  void write_dataset(const std::string& name, DType dtype, const Shape& shape, const void* elements) const;
  /// No values: an empty array.
  void write_attribute(const std::string& owner, const std::string& name, bool array,
                       const std::vector<std::string>& values) const;
  /// The bytes of the file.
  std::string image() const;

 private:
  Handle group(const std::string& name) const;

  std::string path_;
  Handle access_, file_;
};

}  // namespace xtape::hdf5
