// Hdf5File: an HDF5 file that is open for reading.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/io/named_tensor.hpp"

namespace xtape {

/// A handle to an open file; copies refer to the same file. A helper process has the file open and answers requests,
/// because HDF5 1.10 overwrites memory when it reads certain damaged files. A crash of the helper is an Error in this
/// process. Links into other files are not followed. Every function throws Error with the path if HDF5 cannot read the
/// file.
class Hdf5File {
 public:
  /// Opens the file. Throws Error that names `function` and the path if the file is missing or not an HDF5 file, or if
  /// the helper process cannot be started.
  Hdf5File(std::string_view function, const std::filesystem::path& path);

  /// Whether a group or a data set exists at this path, such as "model_weights/conv1".
  bool contains(const std::string& object) const;
  /// The paths of all data sets, sorted. Error if there are more than 100,000 groups and data sets, or more than 64
  /// levels of groups, as in a file whose groups contain themselves.
  std::vector<std::string> dataset_names() const;
  /// Describes a data set without reading it. If it is not an array that a tensor can hold, or does not exist, the
  /// description has no dtype, and its read() throws the Error of load_hdf5(). read() also throws if the file is too
  /// small to hold the elements. The description keeps the file open.
  StoredTensor dataset(const std::string& name) const;
  /// The strings of an attribute, of fixed or variable length, without padding; nullopt if the object has no such
  /// attribute. An array without elements is accepted whatever its type, because h5py writes an empty list as float64.
  std::optional<std::vector<std::string>> strings(const std::string& object, const std::string& attribute) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace xtape
