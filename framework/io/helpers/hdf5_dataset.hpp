// Dataset: a data set of an open HDF5 file. It is described when it is opened, and checked before memory is allocated
// for its elements. Internal to framework/io/helpers.
#pragma once

#include <optional>
#include <string>

#include "framework/io/helpers/hdf5_handle.hpp"
#include "framework/tensor/tensor.hpp"

namespace xtape::hdf5 {

/// The HDF5 type of elements of this DType in memory.
hid_t memory_type(DType dtype);

/// A data set, identified by its path in the file.
class Dataset {
 public:
  /// Opens and describes the data set called `name`. A data set that cannot be read is an Error only in the functions
  /// that read. `path` is used in messages; `file_size` is in bytes.
  Dataset(std::string path, std::int64_t file_size, hid_t file, std::string name);
  /// Its shape; () if no tensor can have the shape.
  Shape shape() const { return shape_.value_or(Shape()); }
  /// The element type after reading; nullopt if elements of this type are not supported.
  std::optional<DType> dtype() const { return dtype_; }
  /// The element type in the file: "float16", "uint32", "bool" or "strings of 3 bytes"; "a group" or "nothing" if there
  /// is no data set of this name.
  std::string stored_type() const;
  /// The message of load_hdf5() if this is not an array that a tensor can hold; otherwise empty.
  const std::string& fault() const { return fault_; }
  /// Throws Error with that message, or if the file is too small to hold the elements.
  void check_readable() const;
  /// Size of the elements in memory. Requires that fault() is empty, as does read().
  std::size_t bytes() const;
  /// Reads the elements into memory of bytes() bytes. Error if HDF5 cannot read them or an integer does not fit into
  /// int64.
  void read(void* elements) const;

 private:
  std::string opening_fault() const;
  std::string element_type() const;
  Shape read_shape() const;
  std::optional<DType> read_type() const;
  std::string missing_filter() const;
  void check_chunks(hid_t creation, std::int64_t most_bytes, std::int64_t stored) const;

  std::string path_, name_;
  std::int64_t file_size_;
  Handle dataset_;
  std::string fault_;
  Handle type_;
  std::optional<Shape> shape_;
  std::optional<DType> dtype_;
};

}  // namespace xtape::hdf5
