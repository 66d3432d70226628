// One data set of an open HDF5 file, checked before memory is taken for its elements. Internal to framework/io/helpers.
#pragma once

#include <optional>
#include <string>

#include "framework/io/helpers/hdf5_handle.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape::hdf5 {

/// HDF5's name for an element type of ours as it lies in memory.
hid_t memory_type(DType dtype);

/// A data set by its path in the file.
class Dataset {
 public:
  /// Opens it and checks shape, type, and that the file is large enough to hold the elements. `path` is for messages,
  /// `file_size` in bytes. Error as load_hdf5().
  Dataset(std::string path, std::int64_t file_size, hid_t file, std::string name);
  const Shape& shape() const { return shape_; }
  /// None when elements of this type are not read.
  std::optional<DType> dtype() const { return dtype_; }
  /// The type of the file's elements, "float16", "uint32", "bool" or "strings of 3 bytes".
  std::string stored_type() const;
  /// What its elements take in memory; 0 when they are not read.
  std::size_t bytes() const;
  /// Writes its elements to memory of so many bytes. Error when HDF5 can't read them or an integer does not fit into
  /// int64.
  void read(void* elements) const;

 private:
  Shape read_shape() const;
  std::optional<DType> read_type() const;
  std::string missing_filter() const;
  void check_storage() const;
  void check_chunks(hid_t creation, std::int64_t room, std::int64_t stored) const;

  std::string path_, name_;
  std::int64_t file_size_;
  Handle dataset_, type_;
  Shape shape_;
  std::optional<DType> dtype_;
};

}  // namespace xtape::hdf5
