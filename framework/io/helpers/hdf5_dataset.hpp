// One data set of an open HDF5 file, described at once and checked before memory is taken for its elements. Internal to
// framework/io/helpers.
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
  /// Opens and describes it. What can't be read is an Error only of the functions that read. `path` is for messages,
  /// `file_size` in bytes.
  Dataset(std::string path, std::int64_t file_size, hid_t file, std::string name);
  /// Of no axes where no tensor can have the shape.
  Shape shape() const { return shape_.value_or(Shape()); }
  /// None when elements of this type are not read.
  std::optional<DType> dtype() const { return dtype_; }
  /// The type of the file's elements, "float16", "uint32", "bool" or "strings of 3 bytes"; "a group" or "nothing" when
  /// there is no data set.
  std::string stored_type() const;
  /// The message of load_hdf5() when it is no array that a tensor can hold; empty when it is.
  const std::string& fault() const { return fault_; }
  /// Error with that message, or when the file is too small to hold the elements.
  void check_readable() const;
  /// What its elements take in memory. Only without fault(), as read().
  std::size_t bytes() const;
  /// Writes its elements to memory of so many bytes. Error when HDF5 can't read them or an integer does not fit into
  /// int64.
  void read(void* elements) const;

 private:
  std::string opening_fault() const;
  std::string element_type() const;
  Shape read_shape() const;
  std::optional<DType> read_type() const;
  std::string missing_filter() const;
  void check_chunks(hid_t creation, std::int64_t room, std::int64_t stored) const;

  std::string path_, name_;
  std::int64_t file_size_;
  Handle dataset_;
  std::string fault_;
  Handle type_;
  std::optional<Shape> shape_;
  std::optional<DType> dtype_;
};

}  // namespace xtape::hdf5
